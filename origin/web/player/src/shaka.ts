import { readFrame } from "./message.ts";
import { listen } from "./source.ts";
import type { Source, SourceListener } from "./source.ts";

/** What is used of Shaka Player: its instance, 4.12 or newer. */
export interface ShakaLike extends EventTarget {
  configure(config: object): unknown;
  getPlayheadTimeAsDate(): Date | null;
}

/** Shaka Player tells of ID3 as soon as its part is appended. */
export function shakaSource(player: ShakaLike, video: HTMLVideoElement, listener: SourceListener): Source {
  // In HLS nothing announces emsg boxes, and without it Shaka Player looks for none.
  player.configure({ mediaSource: { dispatchAllEmsgBoxes: true } });
  const stops = [
    listen(player, "metadataadded", (event) => {
      const { startTime, payload } = event as Event & { readonly startTime?: number; readonly payload?: unknown };
      const message = readFrame(payload);
      if (message && Number.isFinite(startTime)) listener.message(message, startTime as number);
    }),
    listen(player, "loading", () => listener.reset()),
  ];
  return {
    video,
    programDate: (time) => {
      const date = player.getPlayheadTimeAsDate()?.getTime() ?? Number.NaN;
      return Number.isFinite(date) ? date + (time - video.currentTime) * 1000 : null;
    },
    detach: () => stops.forEach((stop) => stop()),
  };
}
