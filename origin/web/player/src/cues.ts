// hls.js and Safari put ID3 frames as cues on a hidden metadata track of the video element.

import { readFrame } from "./message.ts";
import type { ShowMessage } from "./message.ts";

/** The part of a metadata cue that is read: both put the ID3 frame into `value`. */
export interface MetadataCue {
  readonly startTime: number;
  readonly value?: unknown;
}

/**
 * Reads a track's cues, each cue object once. Players add cues ahead of the playhead and drop them with the buffer, and
 * give no event for either: `collect` is called whenever media was parsed, and is cheap when nothing is new.
 */
export class CueReader {
  private readonly seen = new WeakSet<object>();

  constructor(private readonly onMessage: (message: ShowMessage, time: number) => void) {}

  collectFrom(video: HTMLVideoElement): void {
    for (const track of video.textTracks) {
      if (track.kind === "metadata") this.collect(track.cues as ArrayLike<MetadataCue & TextTrackCue> | null);
    }
  }

  collect(cues: ArrayLike<MetadataCue> | null | undefined): void {
    if (!cues) return;
    for (let index = 0; index < cues.length; index++) {
      const cue = cues[index];
      if (!cue || this.seen.has(cue)) continue;
      this.seen.add(cue);
      const message = readFrame(cue.value);
      if (message && Number.isFinite(cue.startTime)) this.onMessage(message, cue.startTime);
    }
  }
}
