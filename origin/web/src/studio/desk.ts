// The desk: what the merchandiser does goes to the origin, and can be undone; what happens there comes back.
//
//   act ─► Api ─► origin ─ text/event-stream ─► Timeline, ShowState ─► onChange

import type { ShowEvent, ShowState } from "@vitrine/player";
import { EMPTY, after } from "../../player/src/state.ts";
import { Problem } from "./api.ts";
import type { Api } from "./api.ts";
import { Timeline } from "./schedule.ts";
import type { At, EventRecord } from "./schedule.ts";
import { restore } from "./undo.ts";

/** Bounded: what can be undone. Full: the oldest cannot be any more. */
const MAX_DONE = 50;
const MAX_WAIT_MS = 15_000;

interface Done {
  readonly label: string;
  readonly ids: readonly string[];
  /** It waits, or waited, for its time. */
  readonly later: boolean;
  readonly inverse: readonly ShowEvent[];
}

export class Desk {
  readonly timeline = new Timeline();
  /** What viewers have, and what is on its way to them. */
  state: ShowState = EMPTY;
  private done: Done[] = [];
  private stopped = new AbortController();

  /** `onChange` whenever anything is new; `onTrouble` when the origin cannot be heard, null when it can. */
  constructor(
    private readonly api: Api,
    private readonly onChange: () => void,
    private readonly onTrouble: (problem: Problem | null) => void,
  ) {}

  /** What the next undo takes back; null if nothing. */
  get undoable(): string | null {
    return this.done.at(-1)?.label ?? null;
  }

  /** Puts events on air, now or at a time. Fails with a `Problem`. */
  async act(events: readonly ShowEvent[], label: string, at?: At): Promise<void> {
    const before = this.state;
    const then = events.reduce((state, event) => after(state, event, state.seq), before);
    const records = await this.api.post(events, at);
    records.forEach((record) => this.timeline.put(record));
    const later = at !== undefined;
    const inverse = restore(then, before);
    // A moment, such as reactions, leaves nothing to undo.
    if (later || inverse.length) this.done.push({ label, ids: records.map(({ id }) => id), later, inverse });
    if (this.done.length > MAX_DONE) this.done.shift();
    // Two clicks in a row: the second one's undo starts from what the first one made.
    if (!later) this.state = then;
    this.onChange();
  }

  /** Takes the last act back; its label, or null if there was none. */
  async undo(): Promise<string | null> {
    const last = this.done.at(-1);
    if (!last) return null;
    const waiting = last.ids.filter((id) => this.timeline.get(id)?.status === "scheduled");
    const cancels = last.later && waiting.length > 0;
    if (cancels) for (const id of waiting) await this.cancel(id);
    else if (last.inverse.length && !this.isCancelled(last)) await this.post(last.inverse);
    this.done = this.done.filter((one) => one !== last);
    this.onChange();
    return last.label;
  }

  async cancel(id: string): Promise<void> {
    const record = await this.api.cancel(id);
    if (record) this.timeline.put(record);
    this.onChange();
  }

  async move(id: string, at: At): Promise<void> {
    const record = await this.api.move(id, at);
    if (record) this.timeline.put(record);
    this.onChange();
  }

  /** Follows the channel until `stop`. */
  async follow(): Promise<void> {
    const { signal } = this.stopped;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const opened = () => {
          failures = 0;
          this.onTrouble(null);
          // What happened before, or while nobody listened.
          void this.catchUp();
        };
        await this.api.listen({ open: opened, record: (record) => this.onRecord(record) }, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.onTrouble(error instanceof Problem ? error : new Problem(0, "The origin cannot be reached. Trying again.", ""));
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(MAX_WAIT_MS, 500 * 2 ** failures)));
    }
  }

  stop(): void {
    this.stopped.abort();
  }

  private async post(events: readonly ShowEvent[]): Promise<void> {
    const records = await this.api.post(events, undefined);
    records.forEach((record) => this.timeline.put(record));
    this.state = events.reduce((state, event) => after(state, event, state.seq), this.state);
  }

  private isCancelled({ ids }: Done): boolean {
    return ids.length > 0 && ids.every((id) => this.timeline.get(id)?.status === "cancelled");
  }

  private onRecord(record: EventRecord): void {
    this.timeline.put(record);
    if (record.status === "on_air") void this.refresh();
    this.onChange();
  }

  private async catchUp(): Promise<void> {
    try {
      for (const record of await this.api.history()) this.timeline.put(record);
      await this.refresh();
    } catch (error) {
      if (error instanceof Problem) this.onTrouble(error);
    }
    this.onChange();
  }

  /** The origin's own state, unless something of ours is still on its way there: then what comes next asks again. */
  private async refresh(): Promise<void> {
    const state = await this.api.state().catch(() => null);
    const soon = this.timeline.scheduled().some(({ at }) => at < Date.now() + 100 && at > Date.now() - 5000);
    if (!state || soon) return;
    this.state = state;
    this.onChange();
  }
}
