// Messages at media times in, the state at any media time out. The state at a time is computed from what is known, never
// accumulated: playing, seeking back and jumping to live are all the same question.

import type { EventMessage, ShowMessage, StateMessage } from "./message.ts";
import type { ShowState } from "./events.ts";
import { EMPTY, after } from "./state.ts";

/** A message at its media time, in seconds. */
export interface At<M> {
  readonly time: number;
  readonly message: M;
}

/** Media times closer than this are the same frame (seconds). Timestamps pass through doubles on their way. */
const EPSILON = 0.002;

export class Timeline {
  /** Bounded: `limit` each. Full: the earliest by media time is dropped; a later state message stands in for it. */
  private events: At<EventMessage>[] = [];
  private states: At<StateMessage>[] = [];
  private passed = new Set<string>();
  /** The last answer, for as long as nothing changes: the question comes with every frame. */
  private answer: { readonly from: number; readonly until: number; readonly state: ShowState } | null = null;

  constructor(private readonly limit = 500) {}

  /**
   * Takes in a message. Repeats of an event (another rendition, a refetch after a seek) change nothing, and of the states
   * with the same `seq` only the earliest is kept. Returns whether anything is new.
   */
  add(message: ShowMessage, time: number): boolean {
    if (message.kind === "event") {
      if (this.events.some((at) => at.message.id === message.id)) return false;
      insert(this.events, { time, message }, this.limit);
    } else {
      const known = this.states.findIndex((at) => at.message.state.seq === message.state.seq);
      const earlier = this.states[known];
      if (earlier && earlier.time <= time) return false;
      if (earlier) this.states.splice(known, 1);
      insert(this.states, { time, message }, this.limit);
    }
    this.answer = null;
    return true;
  }

  /**
   * The state at `time`: the newest state message at or before it, with the later events up to it applied in the order of
   * `seq`. A message that is older by `seq` than the state in force is stale and has no effect.
   */
  at(time: number): ShowState {
    const now = time + EPSILON;
    if (this.answer && this.answer.from <= now && now < this.answer.until) return this.answer.state;
    let base = EMPTY;
    for (const { time, message } of this.states) {
      if (time <= now && message.state.seq >= base.seq) base = message.state;
    }
    const state = this.events
      .filter((at) => at.time <= now && at.message.seq > base.seq)
      .sort((a, b) => a.message.seq - b.message.seq)
      .reduce((state, { message }) => after(state, message.event, message.seq), base);
    const times = [...this.events, ...this.states].map((at) => at.time);
    const from = Math.max(-Infinity, ...times.filter((time) => time <= now));
    this.answer = { from, until: Math.min(Infinity, ...times.filter((time) => time > now)), state };
    return state;
  }

  /** Whether any message at or before `time` says what is on then. */
  knows(time: number): boolean {
    return [this.states[0], this.events[0]].some((first) => first !== undefined && first.time <= time + EPSILON);
  }

  /**
   * Events that the playhead has reached at `time` and had not before, in the order of the show: each is returned once in a
   * session. Players hand over messages of one time in any order.
   */
  takePassed(time: number): At<EventMessage>[] {
    const fresh = this.events.filter((at) => at.time <= time + EPSILON && !this.passed.has(at.message.id));
    fresh.sort((a, b) => a.time - b.time || a.message.seq - b.message.seq);
    for (const at of fresh) this.passed.add(at.message.id);
    if (this.passed.size > 4 * this.limit) this.passed = new Set([...this.passed].slice(-2 * this.limit));
    return fresh;
  }

  /** Other media have a media timeline of their own. Events' ids are unique for ever: what was passed stays passed. */
  clear(): void {
    this.events = [];
    this.states = [];
    this.answer = null;
  }
}

function insert<M>(list: At<M>[], at: At<M>, limit: number): void {
  const index = list.findIndex((other) => other.time > at.time);
  list.splice(index < 0 ? list.length : index, 0, at);
  if (list.length > limit) list.shift();
}
