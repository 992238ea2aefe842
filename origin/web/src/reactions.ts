// A burst of reactions floats up over the picture. It is a moment: who joins later does not see it.

import type { ShowEvent } from "@vitrine/player";
import { make } from "./dom.ts";

/** Names that shops give to reactions, as what is seen; an emoji is seen as it is. */
const SIGNS: Readonly<Record<string, string>> = {
  heart: "❤️", love: "❤️", like: "👍", clap: "👏", fire: "🔥", laugh: "😂", wow: "😮", star: "⭐", party: "🎉",
};
/** Signs of one burst, and on the picture at one time. */
const OF_A_BURST = 14;
const AT_ONCE = 40;
const FLOAT_MS = 2800;
const WITHIN_MS = 900;

/** What floats for a burst: each kind by its share of the counts, but each at least once. */
export function signsOf({ reactions }: ShowEvent<"reaction.burst">): string[] {
  const total = reactions.reduce((sum, { count }) => sum + count, 0);
  const wanted = Math.min(OF_A_BURST, total);
  return reactions.filter(({ count }) => count > 0).flatMap(({ kind, count }) => {
    const sign = SIGNS[kind] ?? (/^[\w.:-]+$/.test(kind) ? "✨" : kind);
    return Array<string>(Math.max(1, Math.round((wanted * count) / total))).fill(sign);
  });
}

export class Reactions {
  constructor(private readonly root: HTMLElement) {}

  burst(event: ShowEvent<"reaction.burst">): void {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const sign of signsOf(event)) {
      if (this.root.children.length >= AT_ONCE) return;
      const delay = Math.random() * WITHIN_MS;
      const float = make("span", {}, sign);
      float.style.setProperty("--x", `${Math.random() * 100}%`);
      float.style.setProperty("--delay", `${delay}ms`);
      this.root.append(float);
      window.setTimeout(() => float.remove(), FLOAT_MS + delay);
    }
  }
}
