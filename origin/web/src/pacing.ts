// How fast to play so that the latency stays at the target: a little faster when behind, a little slower when the buffer
// is about to run dry. Small steps only, which a viewer does not hear.

export interface Pace {
  /** Seconds behind the live edge. */
  readonly latency: number;
  /** Seconds behind the live edge that the playlist asks for (PART-HOLD-BACK). */
  readonly target: number;
  /** Seconds of media ahead of the playhead. */
  readonly buffered: number;
  /** PART-TARGET in seconds; a second when the playlist has no parts. */
  readonly partTarget: number;
  /** The playback rate now. */
  readonly rate: number;
}

/** The playback rate to set. A correction that has begun goes on until the target is met, so the rate does not flutter. */
export function paceRate({ latency, target, buffered, partTarget, rate }: Pace): number {
  const behind = latency - target;
  const start = Math.max(0.1, partTarget / 3);
  if (behind > (rate > 1 ? 0.02 : start) && buffered > 1.4 * partTarget) return behind > 0.6 ? 1.06 : 1.03;
  if (behind < (rate < 1 ? -0.05 : -0.6 * partTarget)) return 0.97;
  return 1;
}

/** How long after a start a skip forward is not noticed (seconds of playing). */
const JOINING_SECONDS = 5;

/**
 * Whether to skip to the live edge instead of catching up: when catching up would take minutes, or when playback has just
 * begun too far back (the first playlist was old, the first part slow).
 */
export function shouldSkip(latency: number, target: number, playedSeconds: number): boolean {
  return latency - target > (playedSeconds < JOINING_SECONDS ? 0.8 : 4);
}

/** How long after the first frame the playhead may still jump to live by less than `shouldSkip` asks (seconds). */
const SETTLING_SECONDS = 1;

/**
 * Whether to jump forward by `late` seconds when joining live: what nobody has seen yet costs nothing; just after the first
 * frame a jump is better than a minute of catching up, if it is by more than a part.
 */
export function mayJoin(late: number, partTarget: number, unseen: boolean, playedSeconds: number): boolean {
  return unseen ? late > partTarget / 2 : playedSeconds < SETTLING_SECONDS && late > partTarget;
}
