// The media time that is on screen, told once for each new frame where the browser can, else about four times a second.

import { listen } from "./source.ts";

/** Without a frame for this long (hidden tab, no video track) the element's own time is used (milliseconds). */
const FRAMELESS_MS = 400;

/** Tells the media time in seconds, and in how many milliseconds the frame is expected on screen. Returns what ends it. */
export function watchFrames(video: HTMLVideoElement, onTime: (mediaTime: number, inMs: number) => void): () => void {
  let lastFrame = -Infinity;
  let request: number | null = null;
  if ("requestVideoFrameCallback" in video) {
    const onFrame: VideoFrameRequestCallback = (now, frame) => {
      lastFrame = now;
      request = video.requestVideoFrameCallback(onFrame);
      onTime(frame.mediaTime, Math.max(0, frame.expectedDisplayTime - performance.now()));
    };
    request = video.requestVideoFrameCallback(onFrame);
  }
  const onTimeUpdate = () => {
    if (performance.now() - lastFrame > FRAMELESS_MS) onTime(video.currentTime, 0);
  };
  const stops = [listen(video, "timeupdate", onTimeUpdate), listen(video, "seeked", onTimeUpdate)];
  return () => {
    if (request !== null) video.cancelVideoFrameCallback(request);
    stops.forEach((stop) => stop());
  };
}
