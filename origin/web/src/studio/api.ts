// The control API as the studio uses it. The token goes into a header, and nowhere else.

import { isRecord } from "@vitrine/player";
import type { ShowEvent, ShowState } from "@vitrine/player";
import { readState } from "../../player/src/state.ts";
import { EventLines } from "./sse.ts";
import { readRecord } from "./schedule.ts";
import type { At, EventRecord } from "./schedule.ts";

const TIMEOUT_MS = 20_000;
const PAGE = 1000;
/** More history than a show has is not read to its end. */
const MAX_PAGES = 20;

/** An answer of application/problem+json, or none at all. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    /** Path of the field that is at fault; empty if none is. */
    readonly field: string,
  ) {
    super(detail);
  }
}

export interface Listener {
  /** The stream is open: what happens from now on is told. */
  open(): void;
  record(record: EventRecord): void;
}

export class Api {
  private readonly base: string;

  constructor(
    channel: string,
    private readonly token: string,
  ) {
    this.base = `/v1/channels/${encodeURIComponent(channel)}`;
  }

  /** Fails if the token is not one of the channel's. */
  async check(): Promise<void> {
    await this.ask("GET", "/events?limit=1");
  }

  /** Plans events, all or none; one request is obeyed once, however often it is sent. */
  async post(events: readonly ShowEvent[], at: At | undefined): Promise<EventRecord[]> {
    const timed = events.map((event) => (at ? { ...event, at } : event));
    const body = timed.length === 1 ? timed[0] : timed;
    const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    const send = () => this.ask("POST", "/events", body, { "idempotency-key": key });
    const answer = await send().catch((error: unknown) => {
      // The answer was lost, not the request perhaps: asked again under the same key.
      if (error instanceof Problem && error.status === 0) return send();
      throw error;
    });
    const list = isRecord(answer) && Array.isArray(answer["events"]) ? answer["events"] : [answer];
    return list.map(readRecord).filter((record) => record !== null);
  }

  async move(id: string, at: At): Promise<EventRecord | null> {
    return readRecord(await this.ask("PATCH", `/events/${encodeURIComponent(id)}`, { at }));
  }

  async cancel(id: string): Promise<EventRecord | null> {
    return readRecord(await this.ask("DELETE", `/events/${encodeURIComponent(id)}`));
  }

  /** The state that viewers have now. */
  async state(): Promise<ShowState | null> {
    return readState(await this.ask("GET", "/state"));
  }

  async history(): Promise<EventRecord[]> {
    const records: EventRecord[] = [];
    let after = "";
    for (let page = 0; page < MAX_PAGES; page++) {
      const answer = await this.ask("GET", `/events?limit=${PAGE}${after && `&after=${encodeURIComponent(after)}`}`);
      if (!isRecord(answer) || !Array.isArray(answer["events"])) break;
      records.push(...answer["events"].map(readRecord).filter((record) => record !== null));
      if (typeof answer["next"] !== "string") break;
      after = answer["next"];
    }
    return records;
  }

  /** Tells what happens to events until the stream ends, which it does not by itself. */
  async listen(listener: Listener, signal: AbortSignal): Promise<void> {
    const headers = { authorization: `Bearer ${this.token}`, accept: "text/event-stream" };
    const answer = await fetch(`${this.base}/events`, { headers, signal, cache: "no-store" });
    if (!answer.ok || !answer.body) throw await problemOf(answer);
    listener.open();
    const lines = new EventLines((_, data) => {
      const record = readRecord(parse(data));
      if (record) listener.record(record);
    });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      lines.push(value);
    }
  }

  private async ask(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<unknown> {
    const headers: Record<string, string> = { ...more, authorization: `Bearer ${this.token}` };
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS), cache: "no-store" };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    let answer: Response;
    try {
      answer = await fetch(this.base + path, init);
    } catch {
      throw new Problem(0, "The origin does not answer. Check the connection, and try again.", "");
    }
    if (!answer.ok) throw await problemOf(answer);
    return answer.json();
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  const told: unknown = await answer.json().catch(() => null);
  const text = (name: string) => (isRecord(told) && typeof told[name] === "string" ? told[name] : "");
  return new Problem(answer.status, text("detail") || `The origin answered ${answer.status}.`, text("field"));
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
