import { describe as group, expect, test } from "vitest";
import { EMPTY } from "../player/src/state.ts";
import { describe as sentence } from "../src/card.ts";
import { headlines, timeLeft } from "../src/extras.ts";
import { chooseNotice } from "../src/notices.ts";
import { mayJoin, paceRate, shouldSkip } from "../src/pacing.ts";
import { formatPrice, formatStock, minorDigits } from "../src/price.ts";
import { signsOf } from "../src/reactions.ts";
import { Recovery } from "../src/recovery.ts";
import { readStatus } from "../src/status.ts";

group("prices", () => {
  test.each([
    [4990, "EUR", "en-GB", "€49.90"],
    [4990, "EUR", "de-DE", "49,90 €"],
    [15800, "JPY", "en-US", "¥15,800"],
    [12345, "KWD", "en-US", "KWD 12.345"],
    [1250, "IQD", "en-US", "IQD 1.250"],
    [100000, "HUF", "en-US", "HUF 1,000.00"],
    [0, "USD", "en-US", "$0.00"],
    [5, "USD", "en-US", "$0.05"],
    [12345678, "XXX", "en-US", "¤123,456.78"],
  ])("%d minor units of %s in %s are %s", (amount, currency, locale, expected) => {
    expect(formatPrice({ amount, currency }, locale).replace(/\u00a0/g, " ")).toBe(expected);
  });

  test("minor units are those of ISO 4217", () => {
    expect(["EUR", "JPY", "ISK", "BHD", "CLF"].map(minorDigits)).toEqual([2, 0, 0, 3, 4]);
  });

  test.each([
    [{}, null],
    [{ stock: 0 }, "Sold out"],
    [{ stock: 1 }, "Only 1 left"],
    [{ stock: 5 }, "Only 5 left"],
    [{ stock: 6 }, "6 in stock"],
    [{ stock: 6, low_stock_at: 10 }, "Only 6 left"],
    [{ stock: 3, low_stock_at: 2 }, "3 in stock"],
    [{ availability: "low_stock" }, "Only a few left"],
    [{ availability: "in_stock" }, "In stock"],
    [{ stock: 9, availability: "sold_out" }, "Sold out"],
  ] as const)("%j reads %j", (fields, expected) => {
    const product = { id: "a", name: "A", price: { amount: 1, currency: "EUR" }, ...fields };
    expect(formatStock(product)?.text ?? null).toBe(expected);
  });
});

group("what a screen reader hears", () => {
  const lamp = { id: "lamp", name: "Lamp", price: { amount: 1000, currency: "XTS" }, stock: 9 };
  test("a new product is named with price and stock", () => {
    expect(sentence(null, lamp)).toMatch(/^Now showing: Lamp, .*10.00.*, 9 in stock\.$/);
  });
  test("a change tells only what changed", () => {
    expect(sentence(lamp, { ...lamp, stock: 2 })).toBe("Lamp: Only 2 left.");
    expect(sentence(lamp, { ...lamp, price: { amount: 900, currency: "XTS" } })).toMatch(/^Lamp: the price is now .*9.00\.$/);
  });
});

group("notices", () => {
  const playing = { status: "live", trouble: false, supported: true, moving: true, started: true } as const;
  test.each([
    [{}, null],
    [{ moving: false }, "loading"],
    [{ moving: false, trouble: true }, "network"],
    [{ status: "away", moving: false }, "away"],
    [{ status: "away" }, null],
    [{ status: "ended", moving: false }, "ended"],
    [{ status: "idle", moving: false, started: false }, "waiting"],
    [{ status: "idle", moving: false }, "ended"],
    [{ status: "starting", moving: false, started: false }, "waiting"],
    [{ status: "unknown", moving: false, started: false }, "unknown"],
    [{ status: null, moving: false, started: false }, "loading"],
    [{ supported: false, moving: false, started: false }, "unsupported"],
  ] as const)("%j shows %j", (circumstances, kind) => {
    expect(chooseNotice({ ...playing, ...circumstances })?.kind ?? null).toBe(kind);
  });
});

group("pace", () => {
  const steady = { latency: 1.0, target: 1.0, buffered: 0.8, partTarget: 1 / 3, rate: 1 };
  test.each([
    ["at the target", {}, 1],
    ["a little behind", { latency: 1.3 }, 1.03],
    ["far behind", { latency: 2 }, 1.06],
    ["behind with a thin buffer", { latency: 2, buffered: 0.3 }, 1],
    ["within the dead band", { latency: 1.08 }, 1],
    ["still catching up within the dead band", { latency: 1.08, rate: 1.03 }, 1.03],
    ["caught up", { latency: 1.01, rate: 1.03 }, 1],
    ["too close to the edge", { latency: 0.7 }, 0.97],
    ["still backing off", { latency: 0.9, rate: 0.97 }, 0.97],
  ])("%s", (_when, change, rate) => {
    expect(paceRate({ ...steady, ...change })).toBe(rate);
  });

  test("a start too far back is skipped over; later only a great distance is", () => {
    expect(shouldSkip(2.5, 1, 1)).toBe(true);
    expect(shouldSkip(2.5, 1, 60)).toBe(false);
    expect(shouldSkip(6, 1, 60)).toBe(true);
  });

  test.each([
    ["unseen, by a little", 0.2, true, 0, true],
    ["unseen, by next to nothing", 0.1, true, 0, false],
    ["just begun, by less than a part", 0.3, false, 0.2, false],
    ["just begun, by two parts", 0.67, false, 0.2, true],
    ["playing", 0.67, false, 2, false],
  ])("joining live by a jump: %s", (_when, late, unseen, played, jumps) => {
    expect(mayJoin(late, 1 / 3, unseen, played)).toBe(jumps);
  });
});

group("recovery", () => {
  test("goes from mild to strong, never gives up, and starts over when healthy", () => {
    const recovery = new Recovery();
    const kinds = Array.from({ length: 5 }, () => recovery.next("network").kind);
    expect(kinds).toEqual(["resume", "resume", "reload", "reload", "reload"]);
    for (let index = 0; index < 20; index++) expect(recovery.next("network").delayMs).toBeLessThanOrEqual(8000);
    recovery.healthy();
    expect(recovery.next("network")).toEqual({ kind: "resume", delayMs: 500 });
    expect(recovery.next("media").kind).toBe("recover-media");
  });
});

group("status", () => {
  test("is read with its session and playlist", () => {
    expect(readStatus({ status: "away", session: "s", playback: "/live/demo/index.m3u8" })).toEqual({
      status: "away",
      session: "s",
      playback: "/live/demo/index.m3u8",
    });
  });
  test("a playlist on another host is not taken", () => {
    expect(readStatus({ status: "live", playback: "//evil.example/x.m3u8" }).playback).toBeNull();
    expect(readStatus({ status: "live", playback: "https://evil.example/x.m3u8" }).playback).toBeNull();
  });
  test.each([[null], [{}], [{ status: "strange" }], ["live"]])("%j is not a status", (value) => {
    expect(() => readStatus(value)).toThrow();
  });
});

group("beside the product", () => {
  test.each([
    [0, null],
    [-5000, null],
    [1, "0:01"],
    [247_000, "4:07"],
    [3_847_000, "1:04:07"],
  ])("%i ms left read %j", (ms, text) => expect(timeLeft(ms)).toBe(text));

  test("what is new is told once", () => {
    const poll = { id: "p", question: "Which?", options: [{ id: "a", text: "A" }, { id: "b", text: "B" }], votes: [1, 3] };
    const one = { ...EMPTY, polls: [poll], messages: [{ id: "m", text: "Hello" }] };
    expect(headlines(EMPTY, one)).toEqual(["Poll: Which?", "Pinned: Hello"]);
    expect(headlines(one, { ...one, polls: [{ ...poll, votes: [9, 3] }] })).toEqual([]);
    expect(headlines(one, { ...one, polls: [{ ...poll, closed: true }] })).toEqual(["Poll closed: Which? B."]);
  });

  test("reactions float by their shares, each kind at least once, and never too many", () => {
    const of = (...reactions: { kind: string; count: number }[]) => signsOf({ type: "reaction.burst", reactions });
    expect(of({ kind: "❤️", count: 2 }, { kind: "clap", count: 1 })).toEqual(["❤️", "❤️", "👏"]);
    const many = of({ kind: "heart", count: 100_000 }, { kind: "unknown-word", count: 1 }, { kind: "fire", count: 0 });
    expect(many).toHaveLength(15);
    expect(many.filter((sign) => sign === "✨")).toHaveLength(1);
  });
});
