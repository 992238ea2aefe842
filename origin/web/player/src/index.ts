// @vitrine/player: what a live shop's page needs beside its video player. See README.md.

import { hlsSource } from "./hls.ts";
import type { HlsLike } from "./hls.ts";
import { nativeSource } from "./native.ts";
import { shakaSource } from "./shaka.ts";
import type { ShakaLike } from "./shaka.ts";
import { Show } from "./show.ts";
import type { ShowOptions } from "./show.ts";

/** The show that an hls.js instance plays on `video`; `hls.attachMedia` may come before or after. */
export function attachHls(hls: HlsLike, video: HTMLVideoElement, options?: ShowOptions): Show {
  return new Show((listener) => hlsSource(hls, video, listener), options);
}

/** The show that Shaka Player plays on `video`: attach before `player.load`. */
export function attachShaka(player: ShakaLike, video: HTMLVideoElement, options?: ShowOptions): Show {
  return new Show((listener) => shakaSource(player, video, listener), options);
}

/** The show that the browser itself plays on `video`: attach before `video.src` is set. */
export function attachNative(video: HTMLVideoElement, options?: ShowOptions): Show {
  return new Show((listener) => nativeSource(video, listener), options);
}

export { Show } from "./show.ts";
export type { Passed, ShowOptions, Synchronised, Told } from "./show.ts";
export type { Source, SourceListener } from "./source.ts";
export { CueReader } from "./cues.ts";
export type { MetadataCue } from "./cues.ts";
export type { HlsLike } from "./hls.ts";
export type { ShakaLike } from "./shaka.ts";
export { watchFrames } from "./frames.ts";
export { featured } from "./state.ts";
export { isRecord } from "./shape.ts";
export type * from "./events.ts";
