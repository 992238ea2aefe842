import { CueReader } from "./cues.ts";
import type { Source, SourceListener } from "./source.ts";

/** What is used of hls.js: its instance, 1.5 or newer. */
export interface HlsLike {
  readonly media: HTMLMediaElement | null;
  readonly playingDate: Date | null;
  on(event: string, listener: (...told: never[]) => void): void;
  off(event: string, listener: (...told: never[]) => void): void;
}

/** Cues that hls.js has put on `video`. */
export function hlsSource(hls: HlsLike, video: HTMLVideoElement, listener: SourceListener): Source {
  const cues = new CueReader((message, time) => listener.message(message, time));
  // Registered after hls.js's own handlers: the cues of this media are on the track by now.
  const parsed = () => cues.collectFrom(video);
  const loading = () => listener.reset();
  hls.on("hlsFragParsingMetadata", parsed);
  hls.on("hlsManifestLoading", loading);
  cues.collectFrom(video);
  return {
    video,
    programDate: (time) => {
      const date = hls.playingDate?.getTime();
      return date === undefined ? null : date + (time - video.currentTime) * 1000;
    },
    detach: () => {
      hls.off("hlsFragParsingMetadata", parsed);
      hls.off("hlsManifestLoading", loading);
    },
  };
}
