import { CueReader } from "./cues.ts";
import { listen } from "./source.ts";
import type { Source, SourceListener } from "./source.ts";

/** Safari's date of media time zero, from EXT-X-PROGRAM-DATE-TIME. */
interface DatedVideo extends HTMLVideoElement {
  getStartDate?(): Date;
}

/** The browser's own HLS shows ID3 as cues of a metadata track that it adds. */
export function nativeSource(video: DatedVideo, listener: SourceListener): Source {
  const cues = new CueReader((message, time) => listener.message(message, time));
  const collect = () => cues.collectFrom(video);
  const stops = [
    listen(video, "emptied", () => listener.reset()),
    listen(video, "timeupdate", collect),
    listen(video.textTracks, "addtrack", (event) => {
      const { track } = event as TrackEvent;
      if (track?.kind !== "metadata") return;
      // A disabled track has no cues.
      track.mode = "hidden";
      stops.push(listen(track, "cuechange", collect));
    }),
  ];
  return {
    video,
    programDate: (time) => {
      const start = video.getStartDate?.().getTime() ?? Number.NaN;
      return Number.isFinite(start) ? start + time * 1000 : null;
    },
    detach: () => stops.forEach((stop) => stop()),
  };
}
