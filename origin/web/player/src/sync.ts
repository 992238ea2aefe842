// Keeps viewers together: each is held at one distance to the capture by PDT, so that what the show does is seen by all at
// the same instant, however early or late each joined.

/** Off by more than this, playback jumps instead of catching up (seconds). */
const JUMP = 1.5;
/** A correction begins beyond the first, and ends within the second (seconds). */
const BEGIN = 0.03;
const END = 0.008;
/** The most that playback is sped up or slowed down: what few notice. */
const MOST = 0.06;

export type Correction = { readonly kind: "rate"; readonly rate: number } | { readonly kind: "jump"; readonly by: number };

/**
 * What to do for a viewer who is `behind` the common instant by so many seconds (negative: ahead), and plays at `rate`. The
 * rate is in steps of a hundredth: each change costs the audio's time stretching a moment.
 */
export function correction(behind: number, rate: number): Correction {
  if (Math.abs(behind) > JUMP) return { kind: "jump", by: behind };
  const within = rate === 1 ? BEGIN : END;
  if (Math.abs(behind) <= within) return { kind: "rate", rate: 1 };
  const wanted = Math.min(MOST, Math.max(0.01, Math.abs(behind) / 3));
  const rounded = Math.round(wanted * 100) / 100;
  return { kind: "rate", rate: behind > 0 ? 1 + rounded : 1 - rounded };
}
