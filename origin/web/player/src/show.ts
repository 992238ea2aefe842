// The show that a player plays.
//
//   player ─ ID3 frames ─► messages at media times ─► Timeline ─┐
//   frames on screen ─ media time ───────────────────────────────┴─► events passed, the state on that frame

import { Emitter } from "./emitter.ts";
import type { EventType, ShowEvent, ShowState } from "./events.ts";
import { watchFrames } from "./frames.ts";
import type { Source, SourceListener } from "./source.ts";
import { EMPTY, readState } from "./state.ts";
import { correction } from "./sync.ts";
import { Timeline } from "./timeline.ts";

/** An event that the playhead has reached. */
export interface Passed<T extends EventType = EventType> {
  readonly id: string;
  readonly seq: number;
  readonly late: boolean;
  readonly event: ShowEvent<T>;
  /** Media time of the event, and of the frame on screen, in seconds of the element. */
  readonly eventTime: number;
  readonly frameTime: number;
}

/** What listeners are told: each event's type once in a session; `event` for each of them; `state` when it changes. */
export type Told = { [T in EventType]: Passed<T> } & {
  readonly event: Passed;
  readonly state: ShowState;
  /** Another session was loaded: its events and state are other ones. */
  readonly reset: null;
};

export interface ShowOptions {
  /**
   * The channel's address, `https://origin.example/v1/channels/demo`: after a seek to where nothing is known yet, the state
   * is asked for there. Without it, it comes with the segment.
   */
  readonly channel?: string;
  /** The wall clock, in milliseconds since 1970; for viewers whose own clock is not to be trusted. */
  readonly now?: () => number;
}

export interface Synchronised {
  /** Seconds from the capture of a frame until all see it: more than the slowest viewer needs. */
  readonly latency: number;
}

/** Between two looks at the common instant (milliseconds). */
const SYNC_MS = 250;

export class Show extends Emitter<Told> {
  private readonly timeline = new Timeline();
  private readonly source: Source;
  private readonly stops: (() => void)[];
  private current: ShowState = EMPTY;
  private asking: AbortController | null = null;
  private synchronised: Synchronised | null = null;
  /** How far behind the capture the newest frame was shown, in milliseconds. */
  private frameLatencyMs: number | null = null;

  constructor(
    source: (listener: SourceListener) => Source,
    private readonly options: ShowOptions = {},
  ) {
    super();
    this.source = source({
      message: (message, time) => void this.timeline.add(message, time),
      reset: () => this.reset(),
    });
    const stopFrames = watchFrames(this.source.video, (time, inMs) => this.onFrame(time, inMs));
    const timer = setInterval(() => this.keepTogether(), SYNC_MS);
    this.stops = [() => this.source.detach(), stopFrames, () => clearInterval(timer)];
  }

  /** What is on with the frame on screen. */
  get state(): ShowState {
    return this.current;
  }

  /** When the media now playing was captured, by PDT: milliseconds since 1970; null when not known. */
  programDate(): number | null {
    return this.source.programDate(this.source.video.currentTime);
  }

  /** Seconds from the capture of the frame on screen to its showing, by PDT; null when not known. */
  latency(): number | null {
    return this.frameLatencyMs === null ? null : this.frameLatencyMs / 1000;
  }

  /** Holds playback together with all who ask for the same latency; null: no more. */
  synchronise(wanted: Synchronised | null): void {
    this.synchronised = wanted;
    if (wanted === null) this.source.video.playbackRate = 1;
  }

  /** Lets go of the player, which plays on. */
  detach(): void {
    this.asking?.abort();
    this.stops.forEach((stop) => stop());
  }

  /** Forgets everything: another session's media follow. */
  reset(): void {
    this.asking?.abort();
    this.asking = null;
    this.timeline.clear();
    this.frameLatencyMs = null;
    this.become(EMPTY);
    this.emit("reset", null);
  }

  private onFrame(time: number, inMs: number): void {
    const date = this.source.programDate(time);
    this.frameLatencyMs = date === null ? null : this.now() + inMs - date;
    const passed = this.timeline.takePassed(time);
    if (!this.timeline.knows(time)) void this.ask(time, date);
    this.become(this.timeline.at(time));
    for (const { message, time: eventTime } of passed) {
      const { id, seq, late, event } = message;
      const told = { id, seq, late, event, eventTime, frameTime: time };
      this.emit("event", told);
      this.emit(event.type, told as never);
    }
  }

  private become(state: ShowState): void {
    if (state === this.current) return;
    const same = JSON.stringify(state) === JSON.stringify(this.current);
    this.current = state;
    if (!same) this.emit("state", state);
  }

  /** Nothing that is known says what was on then: the origin does. One question at a time. */
  private async ask(time: number, date: number | null): Promise<void> {
    const { channel } = this.options;
    if (!channel || date === null || this.asking) return;
    const asking = new AbortController();
    this.asking = asking;
    try {
      const at = new Date(date).toISOString();
      const answer = await fetch(`${channel}/state?at=${at}`, { signal: asking.signal });
      const state = answer.ok ? readState(await answer.json()) : null;
      if (state && !asking.signal.aborted) this.timeline.add({ kind: "state", state }, time);
    } catch {
      // It comes with the segment.
    }
    // A question that failed is not asked again with each frame.
    setTimeout(() => this.asking === asking && (this.asking = null), 2000);
  }

  private keepTogether(): void {
    const { video } = this.source;
    const { synchronised, frameLatencyMs } = this;
    if (!synchronised || frameLatencyMs === null || video.paused || video.seeking || video.readyState < 3) return;
    const next = correction(frameLatencyMs / 1000 - synchronised.latency, video.playbackRate);
    if (next.kind === "rate") {
      if (video.playbackRate !== next.rate) video.playbackRate = next.rate;
      return;
    }
    const target = video.currentTime + next.by;
    if (isSeekable(video, target)) video.currentTime = target;
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }
}

function isSeekable({ seekable }: HTMLVideoElement, time: number): boolean {
  for (let index = 0; index < seekable.length; index++) {
    if (seekable.start(index) <= time && time <= seekable.end(index)) return true;
  }
  return false;
}
