import { describe as group, expect, test } from "vitest";
import type { ShowEvent, ShowState } from "@vitrine/player";
import { EMPTY, after } from "../player/src/state.ts";
import { parseCatalogue } from "../src/studio/catalogue.ts";
import { parseCsv } from "../src/studio/csv.ts";
import { describeEvent } from "../src/studio/describe.ts";
import { placeOf } from "../src/studio/fields.ts";
import { readHealth } from "../src/studio/health.ts";
import { left, onAir } from "../src/studio/onair.ts";
import { parsePrice, plainPrice } from "../src/studio/money.ts";
import { entries, toggle } from "../src/studio/products.ts";
import { Timeline, atOf, dateOf, readRecord } from "../src/studio/schedule.ts";
import { EventLines } from "../src/studio/sse.ts";
import { eventOf } from "../src/studio/tools.ts";
import { inverse, restore } from "../src/studio/undo.ts";

const eur = (amount: number) => ({ amount, currency: "EUR" });
const lamp = { id: "lamp", name: "Lamp", price: eur(8900), stock: 12 };
const mug = { id: "mug", name: "Mug", price: eur(1950) };
const chair = { id: "chair", name: "Chair", price: eur(12000) };

group("prices", () => {
  test.each([
    ["49.90", "EUR", 4990],
    ["49,9", "EUR", 4990],
    [" 49 ", "EUR", 4900],
    ["0", "EUR", 0],
    ["1.2345", "CLF", 12345],
    ["990", "JPY", 990],
    ["990.00", "JPY", 990],
    ["990.5", "JPY", null],
    ["1,000.00", "EUR", null],
    ["49.905", "EUR", null],
    ["-1", "EUR", null],
    ["", "EUR", null],
    ["5", "eur", null],
  ])("%j of %s is %j minor units", (text, currency, amount) => {
    expect(parsePrice(text, currency)?.amount ?? null).toBe(amount);
  });
  test("are written as they are read", () => {
    expect(plainPrice(eur(4905))).toBe("49.05");
    expect(plainPrice({ amount: 990, currency: "JPY" })).toBe("990");
  });
});

group("catalogue", () => {
  const ids = (text: string) => parseCatalogue(text).products.map(({ id }) => id);
  const head = "id,name,price,currency,stock\n";

  test("CSV with quotes, line breaks, a byte order mark and any separator", () => {
    expect(parseCsv('\uFEFFa;b\r\n"x;""y""";"two\nlines"\r\n\r\nlast;')).toEqual([
      { line: 1, cells: ["a", "b"] },
      { line: 2, cells: ['x;"y"', "two\nlines"] },
      { line: 5, cells: ["last", ""] },
    ]);
    expect(parseCatalogue("Id;Name;Price;Currency\nlamp;Lamp, large;89,00;eur").products).toEqual([
      { id: "lamp", name: "Lamp, large", price: eur(8900) },
    ]);
  });

  test("JSON as events have products", () => {
    const text = JSON.stringify({ products: [{ ...lamp, variants: [{ id: "s", name: "Small" }] }, mug] });
    expect(parseCatalogue(text)).toEqual({ products: [{ ...lamp, variants: [{ id: "s", name: "Small" }] }, mug], faults: [] });
    expect(ids(JSON.stringify([lamp]))).toEqual(["lamp"]);
  });

  test("what is wrong is named by its place, and the rest is taken", () => {
    const { products, faults } = parseCatalogue(`${head}lamp,Lamp,89.00,EUR,12\nbad id,B,1,EUR,\nmug,Mug,cheap,EUR,\nlamp,Again,1,EUR,\nx,X,1,EUR,many`);
    expect(products.map(({ id }) => id)).toEqual(["lamp"]);
    expect(faults).toEqual([
      "Line 3: id: 1 to 64 characters of A-Z a-z 0-9 . _ -",
      "Line 4: price: a price such as 49.90",
      "Line 6: stock: a whole number, from 0",
      "lamp stands there twice: the first one is taken",
    ]);
  });

  test.each([
    ["{", /not JSON/],
    ['{"a":1}', /no list of products/],
    ["[]", /no products/],
    ["", /no column id, name/],
    ["name,price\n", /no column id, currency/],
    ['[{"id":"a","name":"A"}]', /Product 1: price: is missing/],
    ['[{"id":"a","name":"A","price":{"amount":1.5,"currency":"EUR"}}]', /Product 1: price: a whole number/],
    ['[{"id":"a","name":"A","price":{"amount":1,"currency":"EUR"},"url":"javascript:x"}]', /url: an address/],
    ['[{"id":"a","name":"A","price":{"amount":1,"currency":"EUR"},"colour":"red"}]', /colour: is not known/],
    ['[{"id":"a","name":"A","price":{"amount":5,"currency":"EUR"},"compare_at":{"amount":5,"currency":"EUR"}}]', /compare_at: must be higher/],
  ])("%s is refused", (text, problem) => {
    const { products, faults } = parseCatalogue(text);
    expect(products).toEqual([]);
    expect(faults.join()).toMatch(problem);
  });
});

group("undo", () => {
  const shown = (...products: (typeof lamp | typeof mug)[]) =>
    products.reduce<ShowState>((state, product, index) => after(state, { type: "product.show", product }, index + 1), EMPTY);
  const poll = { id: "p", question: "Which?", options: [{ id: "a", text: "A" }, { id: "b", text: "B" }] };
  const opened = after(shown(lamp, mug), { type: "poll.open", poll }, 9);
  const voted = after(opened, { type: "poll.tally", poll: { id: "p", votes: [{ option: "a", count: 7 }] } }, 10);
  const rich = [
    { type: "message.pin", message: { id: "m", text: "Hello" } },
    { type: "coupon.offer", coupon: { code: "C", text: "Ten off" } },
    { type: "drop.announce", drop: { id: "d", title: "Drop", opens_at: "2026-11-24T15:00:00Z" } },
    { type: "custom", name: "com.example.x", body: { a: 1 }, keep: true },
  ].reduce((state, event) => after(state, event as ShowEvent, state.seq + 1), voted);

  test.each<[string, ShowState, ShowEvent]>([
    ["a first product", EMPTY, { type: "product.show", product: lamp }],
    ["a second product", shown(lamp), { type: "product.show", product: mug }],
    ["one in place of all others", shown(lamp, mug), { type: "product.show", product: chair, replace: true }],
    ["the featured one hidden", shown(lamp, mug), { type: "product.hide", product: { id: "mug" } }],
    ["the first one hidden", shown(lamp, mug), { type: "product.hide", product: { id: "lamp" } }],
    ["another one featured", shown(lamp, mug), { type: "product.feature", product: { id: "lamp" } }],
    ["a product featured when none was", after(shown(lamp, mug), { type: "product.hide", product: { id: "mug" } }, 3), { type: "product.feature", product: { id: "lamp" } }],
    ["another order", shown(lamp, mug, { ...mug, id: "z" }), { type: "product.reorder", order: ["z", "lamp"] }],
    ["a price", shown(lamp), { type: "product.update", product: { id: "lamp", price: eur(7450), compare_at: eur(8900) } }],
    ["sold out", shown(lamp), { type: "product.update", product: { id: "lamp", stock: 0 } }],
    ["votes", opened, { type: "poll.tally", poll: { id: "p", votes: [{ option: "b", count: 3 }] } }],
    ["a poll closed", voted, { type: "poll.close", poll: { id: "p" } }],
    ["a poll removed", voted, { type: "poll.remove", poll: { id: "p" } }],
    ["everything cleared", rich, { type: "show.clear" }],
    ["a pin", rich, { type: "message.pin", message: { id: "m2", text: "More" } }],
    ["a pin changed", rich, { type: "message.pin", message: { id: "m", text: "Changed" } }],
    ["a coupon withdrawn", rich, { type: "coupon.withdraw", coupon: { code: "C" } }],
    ["a countdown ended", rich, { type: "drop.withdraw", drop: { id: "d" } }],
    ["a custom body forgotten", rich, { type: "custom", name: "com.example.x", body: null, keep: true }],
  ])("takes back %s", (_what, before, event) => {
    const done = after(before, event, before.seq);
    expect(done).not.toEqual(before);
    const undone = inverse(before, event).reduce((state, back) => after(state, back, before.seq), done);
    expect(undone).toEqual(before);
  });

  test("has nothing to do for what changed nothing that lasts", () => {
    expect(inverse(rich, { type: "reaction.burst", reactions: [{ kind: "clap", count: 1 }] })).toEqual([]);
    expect(inverse(rich, { type: "product.hide", product: { id: "nobody" } })).toEqual([]);
    expect(restore(rich, rich)).toEqual([]);
  });

  test("leaves what others did meanwhile", () => {
    const before = shown(lamp);
    const event: ShowEvent = { type: "product.update", product: { id: "lamp", stock: 3 } };
    const meanwhile = after(after(before, event, 5), { type: "product.show", product: mug, featured: false }, 6);
    const undone = inverse(before, event).reduce((state, back) => after(state, back, 7), meanwhile);
    expect(undone.products).toEqual([lamp, mug]);
  });
});

group("when", () => {
  const noon = new Date(2026, 10, 24, 12, 0, 0).getTime();
  test.each([
    [{ kind: "now" }, undefined],
    [{ kind: "in", seconds: "2,5" }, { offset: 2.5 }],
    [{ kind: "in", seconds: "" }, null],
    [{ kind: "in", seconds: "-3" }, null],
    [{ kind: "in", seconds: "soon" }, null],
    [{ kind: "at", time: "13:30" }, { pdt: new Date(2026, 10, 24, 13, 30, 0).toISOString() }],
    [{ kind: "at", time: "25:00" }, null],
    [{ kind: "at", time: "" }, null],
  ] as const)("%j is %j", (choice, at) => {
    expect(atOf(choice, noon)).toEqual(at);
  });
  test("a time long past is tomorrow's, one just past is today's", () => {
    const evening = new Date(2026, 10, 24, 23, 50, 0).getTime();
    expect(dateOf("00:10:05", evening)?.getTime()).toBe(new Date(2026, 10, 25, 0, 10, 5).getTime());
    expect(dateOf("23:49:00", evening)?.getTime()).toBe(new Date(2026, 10, 24, 23, 49, 0).getTime());
  });
});

group("timeline", () => {
  const record = (id: string, status: string, at: string, seq?: number) =>
    readRecord({ id, status, pdt: at, by: "shop", event: { type: "show.clear" }, ...(seq ? { seq } : {}) })!;

  test("has what waits, the next first, and what was, the newest first", () => {
    const timeline = new Timeline();
    timeline.put(record("b", "scheduled", "2026-11-24T12:00:20Z"));
    timeline.put(record("a", "scheduled", "2026-11-24T12:00:10Z"));
    timeline.put(record("x", "on_air", "2026-11-24T12:00:00Z", 1));
    timeline.put(record("y", "on_air", "2026-11-24T12:00:00Z", 2));
    expect(timeline.scheduled().map(({ id }) => id)).toEqual(["a", "b"]);
    expect(timeline.past().map(({ id }) => id)).toEqual(["y", "x"]);
    timeline.put(record("a", "cancelled", "2026-11-24T12:00:10Z"));
    expect(timeline.scheduled().map(({ id }) => id)).toEqual(["b"]);
  });
  test("an answer that comes after the news does not take it back", () => {
    const timeline = new Timeline();
    timeline.put(record("a", "on_air", "2026-11-24T12:00:00Z", 1));
    timeline.put(record("a", "scheduled", "2026-11-24T12:00:00Z"));
    expect(timeline.get("a")?.status).toBe("on_air");
  });
  test("forgets the oldest of much that is over", () => {
    const timeline = new Timeline();
    for (let n = 0; n < 250; n++) timeline.put(record(`e${n}`, "on_air", new Date(n * 1000).toISOString(), n));
    expect(timeline.past()).toHaveLength(200);
    expect(timeline.past().at(-1)?.id).toBe("e50");
  });
  test.each([[null], [{}], [{ id: "a", status: "odd", pdt: "2026-11-24T12:00:00Z", event: {} }], [{ id: "a", status: "on_air", event: {} }]])(
    "%j is no record", (value) => expect(readRecord(value)).toBeNull());
});

test("server-sent events are read from pieces of any size", () => {
  const stream = ": listening\n\nevent: on_air\ndata: {\"a\":1}\n\nevent: missed\r\ndata: {\"b\":\r\ndata: 2}\r\n\r\n";
  for (const size of [1, 2, 7, 1000]) {
    const told: [string, string][] = [];
    const lines = new EventLines((name, data) => told.push([name, data]));
    for (let at = 0; at < stream.length; at += size) lines.push(stream.slice(at, at + size));
    expect(told, `pieces of ${size}`).toEqual([["on_air", '{"a":1}'], ["missed", '{"b":\n2}']]);
  }
});

test.each([
  ["product.price.amount", "product.price"],
  ["product.price.currency", "product.price.currency"],
  ["[3].product.name", "product.name"],
  ["poll.options[1].text", "poll.options"],
  ["at", "at.pdt"],
  ["product.pricey", null],
  ["", null],
])("the field %j is shown at %j", (path, expected) => {
  const known = ["product.name", "product.price", "product.price.currency", "poll.options", "at.pdt"];
  expect(placeOf(path, known)).toBe(expected);
});

group("tools", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  test.each([
    ["drop", { title: "Brass", minutes: "5", product: "" }, { type: "drop.announce", drop: { id: "i", title: "Brass", opens_at: "2026-11-24T12:05:00.000Z" } }],
    ["poll", { question: "Which?", options: "A\n\n B " }, { type: "poll.open", poll: { id: "i", question: "Which?", options: [{ id: "o1", text: "A" }, { id: "o2", text: "B" }] } }],
    ["message", { text: "Hi", author: "Ann" }, { type: "message.pin", message: { id: "i", text: "Hi", author: "Ann" } }],
    ["coupon", { code: "X", text: "Ten", percent_off: "10" }, { type: "coupon.offer", coupon: { code: "X", text: "Ten", percent_off: 10 } }],
  ])("%s", (tool, words, event) => {
    expect(eventOf(tool, words, "i", now)).toEqual(event);
  });
  test.each([
    ["drop", { title: "", minutes: "5" }, "drop.title"],
    ["drop", { title: "A", minutes: "soon" }, "drop.opens_at"],
    ["poll", { question: "Q", options: "only one" }, "poll.options"],
    ["message", { text: " " }, "message.text"],
    ["coupon", { code: "X", text: "T", percent_off: "ten" }, "coupon.percent_off"],
  ])("%s with %j is wrong at %s", (tool, words, field) => {
    expect(eventOf(tool, words, "i", now)).toMatchObject({ field });
  });
});

group("what is shown", () => {
  const state = [lamp, mug].reduce<ShowState>((state, product) => after(state, { type: "product.show", product }, 1), EMPTY);
  test("products on air that are not in the catalogue stand behind it; a search narrows", () => {
    expect(entries([lamp, chair], state, "").map(({ product, onAir, isFeatured }) => [product.id, onAir !== null, isFeatured])).toEqual([
      ["lamp", true, false], ["chair", false, false], ["mug", true, true],
    ]);
    expect(entries([lamp, chair], state, "CHA").map(({ product }) => product.id)).toEqual(["chair"]);
  });
  test("one press shows, features or hides", () => {
    expect(entries([lamp, chair], state, "").map((entry) => toggle(entry).event.type)).toEqual(["product.feature", "product.show", "product.hide"]);
  });
  test("everything on air can be ended", () => {
    const poll = { id: "p", question: "Q", options: [{ id: "a", text: "A" }, { id: "b", text: "B" }] };
    const full = after(state, { type: "poll.open", poll }, 3);
    expect(onAir(full, 0).map(({ kind, text, ends }) => [kind, text, ends.map(({ word }) => word).join("/")])).toEqual([
      ["Product", "Lamp", "Hide"], ["Spotlight", "Mug", "Hide"], ["Poll", "Q · A 0, B 0", "Close/Remove"],
    ]);
  });
  test.each([[61_000, "opens in 1:01"], [1, "opens in 0:01"], [0, "open"]])("%i ms left reads %s", (ms, text) => expect(left(ms)).toBe(text));
  test("an event reads as a merchandiser says it", () => {
    const name = (id: string) => ({ lamp: "Lamp" })[id] ?? id;
    expect(describeEvent({ type: "product.update", product: { id: "lamp", stock: 0 } }, name)).toBe("Lamp: stock 0");
    expect(describeEvent({ type: "product.hide", product: { id: "lamp" } }, name)).toBe("Hide Lamp");
  });
  test("health is what the status gives", () => {
    const health = readHealth({
      status: "live", viewers: 42, advice: ["Set the keyframe interval to 2 s"],
      publication: { encoder: "obs", video: { width: 1280, height: 720, frame_rate: 29.97 } },
      renditions: [{ state: "live", encode_speed: 4.2 }, { state: "shed" }],
    });
    expect(health).toMatchObject({ phase: "live", viewers: 42, advice: ["Set the keyframe interval to 2 s"] });
    expect(health.figures).toEqual([["Encoder", "obs"], ["Picture", "1280×720 · 30 fps"], ["Renditions", "1 of 2"], ["Encoding", "4.2× real time"]]);
    expect(readHealth(null)).toMatchObject({ phase: "unknown", viewers: null });
  });
});
