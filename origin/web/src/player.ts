// Playback of a channel's multivariant playlist on a <video>: hls.js in low-latency mode, or the browser's own HLS
// where there is no Media Source. What the page needs of either is the `Player` below.

import Hls, { ErrorDetails, ErrorTypes, Events } from "hls.js";
import type { ErrorData, HlsConfig } from "hls.js";
import type { MetadataCue } from "@vitrine/player";
import { NativePlayer } from "./native.ts";
import { mayJoin, paceRate, shouldSkip } from "./pacing.ts";
import { Recovery } from "./recovery.ts";

export interface PlayerListener {
  /** Metadata cues may have been added: the track's whole list, cues ahead of the playhead included. */
  cues(cues: ArrayLike<MetadataCue>): void;
  /** Something went wrong, in one line; playback recovers by itself where that is possible. */
  error(message: string): void;
  /** The player is waiting for the network after failures (true), or media arrives again (false). */
  trouble(waiting: boolean): void;
}

export interface Player {
  /** Starts (again) from the live edge of the multivariant playlist at `url`. */
  load(url: string): void;
  /** Lets go of the media. */
  stop(): void;
  /** Seconds between the capture of the frame on screen and now, by PDT; null when not known. */
  latency(): number | null;
  /** When the media now playing was captured, by PDT: milliseconds since 1970; null when not known. */
  programDate(): number | null;
  /** Seconds behind the live edge that the playlist asks for. */
  targetLatency(): number | null;
  /** The rendition on screen, as `720p`; empty when not known. */
  level(): string;
  /** Where a viewer who follows live should be, in media time. */
  livePosition(): number | null;
  /** Called about four times a second while the viewer follows live: holds the latency, frees a stuck playhead. */
  followLive(): void;
}

export function createPlayer(video: HTMLVideoElement, listener: PlayerListener): Player | null {
  if (Hls.isSupported()) return new HlsPlayer(video, listener);
  if (video.canPlayType("application/vnd.apple.mpegurl")) return new NativePlayer(video, listener);
  return null;
}

const CONFIG: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // A show begins at the rung that a usual line carries, without a trial at the lowest: each change of rungs while joining
  // costs latency. A poorer line is noticed with the first segment.
  abrEwmaDefaultEstimate: 5_000_000,
  testBandwidth: false,
  // The transmuxer only passes CMAF through: a worker would add a hop to each part and save nothing.
  enableWorker: false,
  // The rate is ours (pacing.ts): hls.js corrects only with more than a second of buffer, which short parts never have.
  maxLiveSyncPlaybackRate: 1,
  // The target is the playlist's; one stall does not move it for the rest of the show.
  liveSyncOnStallIncrease: 0,
  backBufferLength: 30,
  enableInterstitialPlayback: false,
  // A blocking reload may be held for three target durations before the origin gives up.
  playlistLoadPolicy: {
    default: {
      maxTimeToFirstByteMs: 20_000,
      maxLoadTimeMs: 30_000,
      timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: 6, retryDelayMs: 300, maxRetryDelayMs: 4000, backoff: "exponential" },
    },
  },
  fragLoadPolicy: {
    default: {
      maxTimeToFirstByteMs: 10_000,
      maxLoadTimeMs: 60_000,
      timeoutRetry: { maxNumRetry: 4, retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: 6, retryDelayMs: 200, maxRetryDelayMs: 4000, backoff: "exponential" },
    },
  },
};

/** A playhead that has not moved for this long while live is stuck (milliseconds). */
const STUCK_MS = 1500;
const HOPELESS_MS = 12_000;

class HlsPlayer implements Player {
  private hls: Hls | null = null;
  private url: string | null = null;
  private readonly recovery = new Recovery();
  private remedy: number | undefined;
  private lastTime = -1;
  private movedAt = performance.now();
  private followedAt = -Infinity;
  private startedAt: number | null = null;
  /** The jumps made to join live: at most one before a frame is shown, and one just after. */
  private joined: "not" | "unseen" | "seen" = "not";

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly listener: PlayerListener,
  ) {}

  load(url: string): void {
    this.stop();
    this.url = url;
    this.movedAt = performance.now();
    this.beginJoining();
    const hls = new Hls(CONFIG);
    this.hls = hls;
    // Registered after hls.js's own handlers: the cues of this media are on the track by now.
    hls.on(Events.FRAG_PARSING_METADATA, () => this.collectCues());
    hls.on(Events.FRAG_BUFFERED, () => {
      this.recovery.healthy();
      this.listener.trouble(false);
      this.joinLive();
    });
    hls.on(Events.ERROR, (_event, data) => this.onError(data));
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  stop(): void {
    window.clearTimeout(this.remedy);
    this.hls?.destroy();
    this.hls = null;
  }

  latency(): number | null {
    const hls = this.hls;
    if (!hls || hls.latency === 0) return null;
    const date = this.programDate();
    if (date === null) return hls.latency;
    const byClock = (Date.now() - date) / 1000;
    // A viewer's clock may be wrong; then the distance to the live edge is the better figure.
    return Math.abs(byClock - hls.latency) < 5 && byClock > 0 ? byClock : hls.latency;
  }

  programDate(): number | null {
    return this.hls?.playingDate?.getTime() ?? null;
  }

  targetLatency(): number | null {
    return this.hls?.targetLatency ?? null;
  }

  level(): string {
    const level = this.hls?.levels[this.hls.currentLevel];
    return level?.height ? `${level.height}p` : "";
  }

  livePosition(): number | null {
    return this.hls?.liveSyncPosition ?? null;
  }

  followLive(): void {
    const { hls, video } = this;
    const details = hls?.latestLevelDetails;
    if (!hls || !details?.live || video.readyState === 0) return;
    const target = hls.targetLatency;
    if (target === null) return;
    if (!video.seeking) {
      const partTarget = details.partTarget || 1;
      const buffered = bufferedAhead(video, video.currentTime);
      const pace = { latency: hls.latency, target, buffered, partTarget, rate: video.playbackRate };
      const rate = paceRate(pace);
      if (rate !== video.playbackRate) video.playbackRate = rate;
    }
    // A seek to the edge of a hole never ends by itself: that playhead is stuck too.
    this.freeStuckPlayhead(!video.seeking && shouldSkip(hls.latency, target, this.playedSeconds()));
  }

  private beginJoining(): void {
    this.startedAt = null;
    this.joined = "not";
  }

  /** Live went on while the first media was loading: the playhead is put right, if possible before a frame is shown. */
  private joinLive(): void {
    const { hls, video } = this;
    const details = hls?.latestLevelDetails;
    const live = hls?.liveSyncPosition ?? null;
    if (this.joined === "seen" || !details?.live || live === null || video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
    const partTarget = details.partTarget || 1;
    const unseen = video.readyState === HTMLMediaElement.HAVE_METADATA;
    if (unseen && this.joined === "unseen") return;
    if (!mayJoin(live - video.currentTime, partTarget, unseen, this.playedSeconds())) return;
    if (bufferedAhead(video, live) < partTarget) return;
    this.joined = unseen ? "unseen" : "seen";
    video.currentTime = live;
  }

  /** After the encoder was away there is a hole in the buffer, or the playhead is far behind: go on where media is. */
  private freeStuckPlayhead(skip: boolean): void {
    const { hls, video } = this;
    const now = performance.now();
    // Nobody followed for a while (paused, or the encoder was away): the playhead has a fresh start.
    if (now - this.followedAt > STUCK_MS) this.movedAt = now;
    this.followedAt = now;
    if (video.currentTime !== this.lastTime) {
      if (now - this.movedAt > STUCK_MS) this.beginJoining();
      this.lastTime = video.currentTime;
      this.movedAt = now;
      if (skip) this.seekTo(hls?.liveSyncPosition ?? null);
      return;
    }
    const stuckMs = now - this.movedAt;
    if (stuckMs < STUCK_MS || video.paused) return;
    if (stuckMs > HOPELESS_MS && this.url) {
      this.listener.error(`playhead stuck at ${video.currentTime.toFixed(2)} s: reloading`);
      this.load(this.url);
      return;
    }
    const next = nextBufferedStart(video);
    if (next !== null) this.seekTo(next + 0.02);
    else if (skip) this.seekTo(hls?.liveSyncPosition ?? null);
  }

  /** Seconds since the first frame, of this load or after the encoder was away. */
  private playedSeconds(): number {
    this.startedAt ??= this.video.currentTime > 0 && this.video.readyState >= 3 ? performance.now() : null;
    return this.startedAt === null ? 0 : (performance.now() - this.startedAt) / 1000;
  }

  private seekTo(time: number | null): void {
    if (time === null || time <= this.video.currentTime + 0.05) return;
    this.video.currentTime = time;
  }

  private collectCues(): void {
    for (const track of this.video.textTracks) {
      if (track.kind === "metadata" && track.cues) this.listener.cues(track.cues as ArrayLike<MetadataCue & TextTrackCue>);
    }
  }

  private onError(data: ErrorData): void {
    // hls.js lets go of a load that a jump made useless.
    if (data.details === ErrorDetails.INTERNAL_ABORTED) return;
    const what = `${data.details}${data.fatal ? " (fatal)" : ""}: ${data.error.message}`;
    this.listener.error(what);
    if (!data.fatal) return;
    const cause =
      data.type === ErrorTypes.NETWORK_ERROR ? "network" : data.type === ErrorTypes.MEDIA_ERROR ? "media" : "other";
    if (cause === "network") this.listener.trouble(true);
    const remedy = this.recovery.next(cause);
    window.clearTimeout(this.remedy);
    this.remedy = window.setTimeout(() => {
      // A playlist that never loaded cannot be resumed.
      if (remedy.kind === "recover-media") this.hls?.recoverMediaError();
      else if (remedy.kind === "resume" && this.hls?.levels.length) this.hls.startLoad();
      else if (this.url) this.load(this.url);
    }, remedy.delayMs);
  }
}

/** Seconds of media from `time` on, without a hole. */
function bufferedAhead({ buffered }: HTMLVideoElement, time: number): number {
  for (let index = 0; index < buffered.length; index++) {
    if (buffered.start(index) <= time + 0.1 && time < buffered.end(index)) return buffered.end(index) - time;
  }
  return 0;
}

/** Where the media goes on behind the hole in front of the playhead; null when there is none. */
function nextBufferedStart(video: HTMLVideoElement): number | null {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index++) {
    if (buffered.start(index) > currentTime) return buffered.start(index);
  }
  return null;
}
