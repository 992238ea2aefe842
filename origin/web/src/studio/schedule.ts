// When an event goes on air, as it is chosen and as the API has it; and the timeline of what is on air and to come.

import { isRecord } from "@vitrine/player";
import type { ShowEvent } from "@vitrine/player";

/** The chosen time: at once, so many seconds from now, or at a time of the day. */
export type Choice = { readonly kind: "now" } | { readonly kind: "in"; readonly seconds: string } | { readonly kind: "at"; readonly time: string };
export type At = { readonly offset: number } | { readonly pdt: string };

const LONGEST_OFFSET_S = 14 * 24 * 3600;
/** A time of the day so long past is tomorrow's (milliseconds). */
const TOMORROW_MS = 12 * 3600 * 1000;

/** The choice as an event has it; undefined: with what the camera sees now; null: it names no time. */
export function atOf(choice: Choice, nowMs: number): At | undefined | null {
  switch (choice.kind) {
    case "now":
      return undefined;
    case "in": {
      const seconds = Number(choice.seconds.trim().replace(",", "."));
      return choice.seconds.trim() !== "" && seconds >= 0 && seconds <= LONGEST_OFFSET_S ? { offset: seconds } : null;
    }
    case "at": {
      const date = dateOf(choice.time, nowMs);
      return date && { pdt: date.toISOString() };
    }
  }
}

/** The next instant at which clocks here show `time`: `20:15` or `20:15:30`. One just past is meant as it is. */
export function dateOf(time: string, nowMs: number): Date | null {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$/.exec(time.trim());
  const [hours, minutes, seconds] = [match?.[1], match?.[2], match?.[3] ?? "0"].map(Number);
  if (!match || hours! > 23 || minutes! > 59 || seconds! > 59) return null;
  const date = new Date(nowMs);
  date.setHours(hours!, minutes!, seconds!, 0);
  if (nowMs - date.getTime() > TOMORROW_MS) date.setDate(date.getDate() + 1);
  return date;
}

/** What became of an event, as the API tells it. */
export interface EventRecord {
  readonly id: string;
  readonly status: "scheduled" | "on_air" | "cancelled" | "missed";
  readonly seq: number;
  /** When it takes effect, or was asked for: milliseconds since 1970. */
  readonly at: number;
  readonly late: boolean;
  readonly withoutEffect: boolean;
  readonly by: string;
  readonly event: ShowEvent;
}

const STATUSES = ["scheduled", "on_air", "cancelled", "missed"] as const;

/** A record from its JSON; null if it is none. */
export function readRecord(value: unknown): EventRecord | null {
  if (!isRecord(value) || !isRecord(value["event"]) || typeof value["id"] !== "string") return null;
  const status = STATUSES.find((known) => known === value["status"]);
  const at = Date.parse(String(value["pdt"] ?? value["asked_for"]));
  if (!status || Number.isNaN(at)) return null;
  return {
    id: value["id"],
    status,
    seq: typeof value["seq"] === "number" ? value["seq"] : 0,
    at,
    late: value["late"] === true,
    withoutEffect: value["without_effect"] === true,
    by: String(value["by"] ?? ""),
    event: value["event"] as unknown as ShowEvent,
  };
}

/** Bounded: so much that is over is remembered. Full: the oldest goes. */
const MAX_PAST = 200;

/** Every event once, in its newest form. */
export class Timeline {
  private readonly records = new Map<string, EventRecord>();

  put(record: EventRecord): void {
    const old = this.records.get(record.id);
    // An answer may come after the notice of what happened next.
    if (old && old.status !== "scheduled" && record.status === "scheduled") return;
    this.records.set(record.id, record);
    const past = this.past();
    for (const { id } of past.slice(MAX_PAST)) this.records.delete(id);
  }

  get(id: string): EventRecord | undefined {
    return this.records.get(id);
  }

  clear(): void {
    this.records.clear();
  }

  /** What waits, the next first. */
  scheduled(): EventRecord[] {
    const waiting = [...this.records.values()].filter(({ status }) => status === "scheduled");
    return waiting.sort((a, b) => a.at - b.at);
  }

  /** What is over, the newest first. */
  past(): EventRecord[] {
    const over = [...this.records.values()].filter(({ status }) => status !== "scheduled");
    return over.sort((a, b) => b.at - a.at || b.seq - a.seq);
  }
}
