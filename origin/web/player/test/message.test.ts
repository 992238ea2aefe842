import { describe, expect, test } from "vitest";
import { CueReader } from "../src/cues.ts";
import { parseMessage, readFrame } from "../src/message.ts";
import type { ShowMessage } from "../src/message.ts";
import { EMPTY } from "../src/state.ts";

const lamp = { id: "lamp", name: "Lamp", price: { amount: 4990, currency: "EUR" }, stock: 12, url: "https://shop.example/lamp" };

function event(overrides: object = {}): string {
  return JSON.stringify({ v: 2, kind: "event", id: "e-1", seq: 1, time: 3.5, type: "product.show", product: lamp, ...overrides });
}

function cue(data: string, startTime = 3.5) {
  return { startTime, value: { key: "TXXX", info: "vitrine", data } };
}

describe("parseMessage", () => {
  test("an event keeps id, sequence, type and product", () => {
    expect(parseMessage(event())).toEqual({ kind: "event", id: "e-1", seq: 1, late: false, event: { type: "product.show", product: lamp } });
  });

  test("a state with no product is a state", () => {
    expect(parseMessage('{"v":2,"kind":"state","seq":0,"products":[]}')).toEqual({ kind: "state", state: EMPTY });
  });

  test("an update needs only the id and what changes", () => {
    const message = parseMessage(event({ type: "product.update", product: { id: "lamp", stock: 0 } }));
    expect(message).toMatchObject({ event: { type: "product.update", product: { id: "lamp", stock: 0 } } });
    expect(message).not.toHaveProperty("event.product.price");
  });

  test("null takes an optional field away, and is no name or price", () => {
    const message = parseMessage(event({ type: "product.update", product: { id: "lamp", name: null, price: null, stock: null, compare_at: null } }));
    expect(message).toMatchObject({ event: { product: { id: "lamp", stock: null, compare_at: null } } });
    expect(message).not.toHaveProperty("event.product.name");
    expect(message).not.toHaveProperty("event.product.price");
  });

  test("a state has the products in their order and the featured one; a product that cannot be read is left out", () => {
    const message = parseMessage(JSON.stringify({ v: 2, kind: "state", hash: "0", seq: 3, products: [lamp, { id: "x" }], featured: "lamp", polls: [] }));
    expect(message).toEqual({ kind: "state", state: { ...EMPTY, seq: 3, products: [lamp], featured: "lamp" } });
  });

  test("a late event says so", () => {
    expect(parseMessage(event({ late: true }))).toMatchObject({ late: true });
  });

  test("a terminating NUL does not matter", () => {
    expect(parseMessage(`${event()}\0`)).not.toBeNull();
  });

  test.each([
    ["not JSON", "{"],
    ["not an object", "[1]"],
    ["another version", event({ v: 1 })],
    ["no sequence", event({ seq: undefined })],
    ["a negative sequence", event({ seq: -1 })],
    ["a fractional sequence", event({ seq: 1.5 })],
    ["an empty id", event({ id: "" })],
    ["a type of the prototype's", event({ type: "toString" })],
    ["no type", event({ type: undefined })],
    ["an unknown kind", event({ kind: "note" })],
    ["no product", event({ product: undefined })],
    ["a product without a name", event({ product: { ...lamp, name: undefined } })],
    ["a price that is not in minor units", event({ product: { ...lamp, price: { amount: 49.9, currency: "EUR" } } })],
    ["a currency that is none", event({ product: { ...lamp, price: { amount: 1, currency: "eur" } } })],
    ["a state without its products", '{"v":2,"kind":"state","seq":1}'],
    ["a message too large", event({ id: "x".repeat(20_000) })],
  ])("%s is refused", (_what, json) => {
    expect(parseMessage(json)).toBeNull();
  });

  test.each([
    ["javascript:alert(1)", undefined],
    ["data:text/html,x", undefined],
    ["//evil.example/x", undefined],
    ["/\\evil.example/x", undefined],
    ["https://a.example/\nx", undefined],
    ["relative/path", undefined],
    ["/assets/demo/lamp.svg", "/assets/demo/lamp.svg"],
    ["http://shop.example/lamp", "http://shop.example/lamp"],
    ["HTTPS://shop.example/lamp?a=1", "https://shop.example/lamp?a=1"],
  ])("the address %j becomes %j", (url, expected) => {
    const message = parseMessage(event({ product: { ...lamp, url, image: url } }));
    const product = message?.kind === "event" && message.event.type === "product.show" ? message.event.product : null;
    expect(product?.url).toBe(expected);
    expect(product?.image).toBe(expected);
  });

  test("a wrong optional field is left out, the product stays", () => {
    const message = parseMessage(event({ product: { ...lamp, stock: "many" } }));
    expect(message).not.toBeNull();
    expect(message).not.toHaveProperty("event.product.stock");
  });
});

describe("cues", () => {
  test("other ID3 frames are not ours", () => {
    expect(readFrame({ key: "TXXX", info: "other", data: event() })).toBeNull();
    expect(readFrame({ key: "PRIV", info: "vitrine", data: event() })).toBeNull();
    expect(readFrame({ key: "TXXX", info: "vitrine", data: new ArrayBuffer(4) })).toBeNull();
    expect(readFrame(undefined)).toBeNull();
  });

  test("Shaka Player calls the description so", () => {
    expect(readFrame({ key: "TXXX", description: "vitrine", data: event() })).toMatchObject({ id: "e-1" });
  });

  test("each cue is read once, with its time", () => {
    const heard: [ShowMessage, number][] = [];
    const reader = new CueReader((message, cueTime) => heard.push([message, cueTime]));
    const first = cue(event());
    reader.collect([first]);
    reader.collect([first, cue(event({ id: "e-2", seq: 2 }), 4)]);
    reader.collect(null);
    expect(heard.map(([message, cueTime]) => [message.kind === "event" && message.seq, cueTime])).toEqual([[1, 3.5], [2, 4]]);
  });

  test("a cue without a finite time is passed over", () => {
    const heard: ShowMessage[] = [];
    new CueReader((message) => heard.push(message)).collect([cue(event(), Number.NaN)]);
    expect(heard).toEqual([]);
  });
});
