// The media time that is on screen, told once for each new frame where the browser can, else about four times a second.

/** Without a frame for this long (hidden tab, no video track) the element's own time is used (milliseconds). */
const FRAMELESS_MS = 400;

export function watchFrames(video: HTMLVideoElement, onTime: (mediaTime: number) => void): void {
  let lastFrame = -Infinity;
  if ("requestVideoFrameCallback" in video) {
    const onFrame: VideoFrameRequestCallback = (now, frame) => {
      lastFrame = now;
      onTime(frame.mediaTime);
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
  }
  const onTimeUpdate = () => {
    if (performance.now() - lastFrame > FRAMELESS_MS) onTime(video.currentTime);
  };
  video.addEventListener("timeupdate", onTimeUpdate);
  video.addEventListener("seeked", onTimeUpdate);
}
