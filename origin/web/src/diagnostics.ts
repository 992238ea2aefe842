// The page's diagnostics surface, for tests and for whoever helps a viewer: `window.vitrine`, read-only.

import type { Product } from "@vitrine/player";

/** A show event that the playhead has passed. */
export interface AppliedEvent {
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  /** Media time that the cue asks for, in seconds. */
  readonly cueTime: number;
  /** Media time of the frame with which the event took effect, in seconds. */
  readonly appliedAtMediaTime: number;
  /** Wall clock at that moment, in milliseconds since 1970. */
  readonly appliedAtWall: number;
}

export interface Diagnostics {
  /** Seconds behind the host's capture by PDT; null when not playing. */
  latency(): number | null;
  /** When the media now playing was captured, by PDT, in milliseconds since 1970; null when not playing. */
  programDate(): number | null;
  /** Times that playback ran dry since the page was opened. */
  stalls(): number;
  /** The show events passed, oldest first; each once. The newest 500. */
  readonly events: readonly AppliedEvent[];
  /** The product on the card. */
  state(): Product | null;
  /** `idle`, `starting`, `live`, `away`, `ended`, `unknown` as the origin says; `loading` before it has answered. */
  status(): string;
  /** The rendition on screen, as `720p`. */
  level(): string;
  /** Playback errors, recovered ones too, oldest first. The newest 50. */
  readonly errors: readonly string[];
  /** From navigation to the first frame, in milliseconds; null before it. */
  readonly firstFrameMs: number | null;
}

declare global {
  interface Window {
    readonly vitrine: Diagnostics;
  }
}

export function expose(diagnostics: Diagnostics): void {
  Object.defineProperty(window, "vitrine", { value: Object.freeze(diagnostics), writable: false });
}

/** Appends to a list that keeps its newest `limit` entries. */
export function pushBounded<T>(list: T[], entry: T, limit: number): void {
  list.push(entry);
  if (list.length > limit) list.splice(0, list.length - limit);
}
