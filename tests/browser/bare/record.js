// What a show tells, kept for a test as `window.vitrine`.
export function record(show, video, query, onError) {
  const events = [];
  const errors = [];
  show.on('event', ({ id, event, eventTime, frameTime }) =>
    events.push({ id, type: event.type, eventTime, frameTime, pdt: show.programDate() + (eventTime - video.currentTime) * 1000, wall: Date.now() }));
  onError(errors);
  const latency = Number(query.get('latency'));
  if (latency) show.synchronise({ latency });
  globalThis.vitrine = {
    events, errors,
    programDate: () => show.programDate(),
    latency: () => show.latency(),
    state: () => show.state,
    level: () => `${video.videoHeight}p`,
  };
}
