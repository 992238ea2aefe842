// From timed metadata to messages: the ID3 frame of an emsg → `ShowMessage`.

import { EVENTS } from "./events.ts";
import type { EventType, ShowEvent, ShowState } from "./events.ts";
import { count, isRecord } from "./shape.ts";
import { readState } from "./state.ts";

/** An event that takes effect at its media time. */
export interface EventMessage<T extends EventType = EventType> {
  readonly kind: "event";
  /** One id in every rendition and repeat. */
  readonly id: string;
  /** Of two events, the one with the higher takes effect later. */
  readonly seq: number;
  /** It takes effect later than was asked for. */
  readonly late: boolean;
  readonly event: ShowEvent<T>;
}

/** The state in force, repeated at each segment's start for those who join there. */
export interface StateMessage {
  readonly kind: "state";
  readonly state: ShowState;
}

export type ShowMessage = EventMessage | StateMessage;

/** The TXXX description that marks our messages among other ID3 frames. */
const DESCRIPTION = "vitrine";
const MAX_JSON = 16 * 1024;

/** A message from its JSON; null for anything malformed, of another version, or of a type unknown to this library. */
export function parseMessage(json: string): ShowMessage | null {
  if (json.length > MAX_JSON) return null;
  let value: unknown;
  try {
    // Players differ in whether they keep the terminating NUL of an ID3 string.
    value = JSON.parse(json.replace(/\0+$/, ""));
  } catch {
    return null;
  }
  if (!isRecord(value) || value["v"] !== 2) return null;
  if (value["kind"] === "state") {
    const state = readState(value);
    return state && { kind: "state", state };
  }
  return value["kind"] === "event" ? readEvent(value) : null;
}

function readEvent(value: Record<string, unknown>): EventMessage | null {
  const { id, type } = value;
  const seq = count.read(value["seq"]);
  if (typeof id !== "string" || id === "" || seq === undefined) return null;
  if (typeof type !== "string" || !Object.hasOwn(EVENTS, type)) return null;
  const fields = EVENTS[type as EventType].read(value);
  return fields ? { kind: "event", id, seq, late: value["late"] === true, event: { type, ...fields } as ShowEvent } : null;
}

/** An ID3 frame as hls.js, Shaka Player and Safari hand it over: a key, a description and the text. */
export function readFrame(frame: unknown): ShowMessage | null {
  if (!isRecord(frame) || frame["key"] !== "TXXX") return null;
  // hls.js and Safari call it `info`, Shaka Player `description`.
  if (frame["info"] !== DESCRIPTION && frame["description"] !== DESCRIPTION) return null;
  const data = frame["data"];
  return typeof data === "string" ? parseMessage(data) : null;
}
