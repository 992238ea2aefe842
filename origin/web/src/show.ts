// The show as the viewer sees it: messages at media times in, the product at any media time out. The state at a time is
// computed from what is known, never accumulated, so playing, seeking back and jumping to live are all the same question.

import type { Message, ShowEvent, ShowState } from "./cues.ts";
import type { Product } from "./product.ts";
import { EMPTY, apply, featured } from "./shelf.ts";

interface At<M> {
  readonly cueTime: number;
  readonly message: M;
}

/** Media times closer than this are the same frame (seconds). Timestamps pass through doubles on their way. */
const EPSILON = 0.002;

export class Show {
  /** Bounded: `limit` each. Full: the earliest by media time is dropped; a later state message stands in for it. */
  private events: At<ShowEvent>[] = [];
  private states: At<ShowState>[] = [];
  private passed = new Set<string>();

  constructor(private readonly limit = 500) {}

  /**
   * Takes in a message. Repeats of an event (another rendition, a refetch after a seek) change nothing, and of the states
   * with the same `seq` only the earliest is kept. Returns whether anything is new.
   */
  add(message: Message, cueTime: number): boolean {
    if (message.kind === "event") {
      if (this.events.some((at) => at.message.id === message.id)) return false;
      insert(this.events, { cueTime, message }, this.limit);
      return true;
    }
    const known = this.states.findIndex((at) => at.message.seq === message.seq);
    if (known >= 0) {
      const at = this.states[known];
      if (at && at.cueTime <= cueTime) return false;
      this.states.splice(known, 1);
    }
    insert(this.states, { cueTime, message }, this.limit);
    return true;
  }

  /**
   * The featured product at `time`: the newest state message at or before it, with the later events up to it applied in
   * order of `seq`. A message that is older by `seq` than the state in force is stale and has no effect.
   */
  productAt(time: number): Product | null {
    let base: ShowState = { kind: "state", seq: 0, shelf: EMPTY };
    for (const at of this.states) {
      if (at.cueTime <= time + EPSILON && at.message.seq >= base.seq) base = at.message;
    }
    const shelf = this.events
      .filter((at) => at.cueTime <= time + EPSILON && at.message.seq > base.seq)
      .sort((a, b) => a.message.seq - b.message.seq)
      .reduce((shelf, at) => apply(shelf, at.message), base.shelf);
    return featured(shelf);
  }

  /** Events that the playhead has reached at `time` and had not before: each is returned once in a session. */
  takePassed(time: number): At<ShowEvent>[] {
    const fresh = this.events.filter((at) => at.cueTime <= time + EPSILON && !this.passed.has(at.message.id));
    for (const at of fresh) this.passed.add(at.message.id);
    if (this.passed.size > 4 * this.limit) this.passed = new Set([...this.passed].slice(-2 * this.limit));
    return fresh;
  }

  /** A new session has a media timeline and sequence of its own. */
  clear(): void {
    this.events = [];
    this.states = [];
    this.passed.clear();
  }
}

function insert<M>(list: At<M>[], at: At<M>, limit: number): void {
  const index = list.findIndex((other) => other.cueTime > at.cueTime);
  list.splice(index < 0 ? list.length : index, 0, at);
  if (list.length > limit) list.shift();
}
