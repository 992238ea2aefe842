// Playback by the browser's own HLS (older iPhones): it plays low latency by itself, and shows ID3 as cues of a
// metadata track that it adds.

import type { MetadataCue } from "@vitrine/player";
import type { Player, PlayerListener } from "./player.ts";

/** Safari's date of media time zero, from EXT-X-PROGRAM-DATE-TIME. */
interface DatedVideo extends HTMLVideoElement {
  getStartDate?(): Date;
}

/** Behind the seekable end, when going to live (seconds): the browser does not tell its hold-back. */
const LIVE_MARGIN = 1.5;

export class NativePlayer implements Player {
  constructor(
    private readonly video: DatedVideo,
    private readonly listener: PlayerListener,
  ) {
    video.textTracks.addEventListener("addtrack", ({ track }) => {
      if (track?.kind !== "metadata") return;
      track.mode = "hidden";
      track.addEventListener("cuechange", () => this.collectCues());
    });
    video.addEventListener("error", () => {
      if (!video.getAttribute("src")) return;
      listener.error(`media error ${video.error?.code ?? ""}: ${video.error?.message ?? ""}`);
      listener.trouble(true);
      window.setTimeout(() => this.load(video.src), 3000);
    });
    video.addEventListener("playing", () => listener.trouble(false));
  }

  load(url: string): void {
    this.video.src = url;
    this.video.load();
  }

  stop(): void {
    this.video.removeAttribute("src");
    this.video.load();
  }

  latency(): number | null {
    const date = this.programDate();
    return date === null ? null : (Date.now() - date) / 1000;
  }

  programDate(): number | null {
    const start = this.video.getStartDate?.().getTime() ?? Number.NaN;
    return Number.isFinite(start) ? start + this.video.currentTime * 1000 : null;
  }

  targetLatency(): number | null {
    return null;
  }

  level(): string {
    return this.video.videoHeight ? `${this.video.videoHeight}p` : "";
  }

  livePosition(): number | null {
    const { seekable } = this.video;
    return seekable.length ? seekable.end(seekable.length - 1) - LIVE_MARGIN : null;
  }

  followLive(): void {
    this.collectCues();
  }

  private collectCues(): void {
    for (const track of this.video.textTracks) {
      if (track.kind === "metadata" && track.cues) {
        this.listener.cues(track.cues as ArrayLike<MetadataCue & TextTrackCue>);
      }
    }
  }
}
