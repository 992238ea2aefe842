// The show on a player whose frames the test shows.

import { afterEach, expect, test, vi } from "vitest";
import type { ShowMessage } from "../src/message.ts";
import { Show } from "../src/show.ts";
import type { ShowOptions } from "../src/show.ts";
import type { SourceListener } from "../src/source.ts";
import { EMPTY, featured } from "../src/state.ts";

const lamp = { id: "lamp", name: "Lamp", price: { amount: 4990, currency: "EUR" } };
const event = (seq: number, event: object): ShowMessage => ({ kind: "event", id: `e-${seq}`, seq, late: false, event }) as ShowMessage;
const CAPTURED = Date.parse("2026-11-24T15:00:00Z");

/** Media time zero was captured at `CAPTURED`; the wall clock says `wall` milliseconds since then. */
class Stage {
  wall = 4000;
  readonly video = Object.assign(new EventTarget(), {
    currentTime: 0, playbackRate: 1, paused: false, seeking: false, readyState: 4,
    seekable: { length: 1, start: () => 0, end: () => 100 },
  });
  listener!: SourceListener;
  readonly show: Show;

  constructor(options: ShowOptions = {}) {
    const now = () => CAPTURED + this.wall;
    this.show = new Show((listener) => {
      this.listener = listener;
      const video = this.video as unknown as HTMLVideoElement;
      return { video, programDate: (time) => CAPTURED + time * 1000, detach: () => undefined };
    }, { now, ...options });
  }

  frame(time: number): void {
    this.video.currentTime = time;
    this.video.dispatchEvent(new Event("seeked"));
  }
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("an event is told on its frame, once, before or after a seek back; the state is that of the frame", () => {
  const stage = new Stage();
  const told: string[] = [];
  stage.show.on("product.show", ({ event, eventTime, frameTime }) => told.push(`${event.product.id} ${eventTime} ${frameTime}`));
  stage.show.on("event", ({ event }) => told.push(event.type));
  stage.show.on("state", (state) => told.push(`state ${state.featured}`));
  stage.listener.message({ kind: "state", state: EMPTY }, 0);
  stage.listener.message(event(1, { type: "product.show", product: lamp }), 2);
  stage.frame(1.9);
  expect(told).toEqual([]);
  stage.frame(2.01);
  expect(told).toEqual(["state lamp", "product.show", "lamp 2 2.01"]);
  stage.frame(1);
  expect(featured(stage.show.state)).toBeNull();
  stage.listener.message(event(1, { type: "product.show", product: lamp }), 2);
  stage.frame(3);
  expect(told.slice(3)).toEqual(["state null", "state lamp"]);
  stage.show.detach();
});

test("a listener's mistake stops nobody else, and one that has stopped hears nothing", () => {
  const stage = new Stage();
  const mistakes: unknown[] = [];
  vi.stubGlobal("reportError", (error: unknown) => mistakes.push(error));
  let heard = 0;
  stage.show.on("event", () => {
    throw new Error("a page's own");
  });
  const stop = stage.show.on("event", () => (heard += 1));
  stage.listener.message(event(1, { type: "show.clear" }), 1);
  stage.frame(1);
  stop();
  stage.listener.message(event(2, { type: "show.clear" }), 2);
  stage.frame(2);
  expect([heard, mistakes.length]).toEqual([1, 2]);
  stage.show.detach();
});

test("after a seek to where nothing is known, the origin is asked for the state of then", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    return Response.json({ hash: "0", seq: 4, products: [lamp], featured: "lamp" });
  });
  const stage = new Stage({ channel: "/v1/channels/demo" });
  stage.listener.message({ kind: "state", state: { ...EMPTY, seq: 9 } }, 50);
  stage.frame(20);
  await vi.waitFor(() => {
    stage.frame(20.04);
    expect(featured(stage.show.state)).toEqual(lamp);
  });
  stage.frame(51);
  expect(stage.show.state.products).toEqual([]);
  expect(asked).toEqual(["/v1/channels/demo/state?at=2026-11-24T15:00:20.000Z"]);
  stage.show.detach();
});

test("who plays together is sped up, slowed down or moved, and left alone while paused", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const stage = new Stage();
  stage.show.synchronise({ latency: 4 });
  const rateAt = (time: number) => {
    stage.frame(time);
    vi.advanceTimersByTime(250);
    return stage.video.playbackRate;
  };
  stage.wall = 14_000;
  expect(rateAt(10)).toBe(1);
  expect(rateAt(9.4)).toBe(1.06);
  expect(rateAt(10.12)).toBe(0.96);
  rateAt(7);
  expect(stage.video.currentTime).toBe(10);
  stage.video.paused = true;
  rateAt(2);
  expect(stage.video.currentTime).toBe(2);
  stage.show.synchronise(null);
  expect(stage.video.playbackRate).toBe(1);
  stage.show.detach();
});
