import { describe, expect, test } from "vitest";
import type { Product, ShowEvent, ShowState } from "../src/events.ts";
import type { EventMessage, ShowMessage } from "../src/message.ts";
import { EMPTY, after, featured } from "../src/state.ts";
import { Timeline } from "../src/timeline.ts";

const lamp: Product = { id: "lamp", name: "Lamp", price: { amount: 4990, currency: "EUR" }, stock: 12 };
const mug: Product = { id: "mug", name: "Mug", price: { amount: 1800, currency: "EUR" } };

const says = (seq: number, event: ShowEvent): EventMessage => ({ kind: "event", id: `e-${seq}`, seq, late: false, event });
const shows = (seq: number, product: Product) => says(seq, { type: "product.show", product });
const stock = (seq: number, id: string, left: number) => says(seq, { type: "product.update", product: { id, stock: left } });
const hides = (seq: number, id: string) => says(seq, { type: "product.hide", product: { id } });
const state = (seq: number, product: Product | null): ShowMessage => ({
  kind: "state",
  state: { ...EMPTY, seq, products: product ? [product] : [], featured: product?.id ?? null },
});

function showOf(...messages: [ShowMessage, number][]): Timeline {
  const show = new Timeline();
  for (const [message, time] of messages) show.add(message, time);
  return show;
}

describe("the state at a time", () => {
  const show = showOf([state(0, null), 0], [shows(1, lamp), 3], [stock(2, "lamp", 1), 5], [state(2, { ...lamp, stock: 1 }), 6], [shows(3, mug), 8], [hides(4, "mug"), 9]);

  test.each([
    [-1, null],
    [2.99, null],
    [3, "lamp/12"],
    [4.9, "lamp/12"],
    [5, "lamp/1"],
    [7.9, "lamp/1"],
    [8, "mug/"],
    [9, null],
    [100, null],
  ])("at %d s the card has %j", (time, expected) => {
    const product = featured(show.at(time));
    expect(product && `${product.id}/${product.stock ?? ""}`).toBe(expected);
  });

  test("seeking is only another time", () => {
    expect(featured(show.at(9))).toBeNull();
    expect(featured(show.at(4))?.id).toBe("lamp");
    expect(featured(show.at(8))?.id).toBe("mug");
  });

  test("a viewer who joins late has the product from the first state message", () => {
    expect(featured(showOf([state(7, lamp), 40]).at(40))).toEqual(lamp);
  });

  test("an event that the state already contains is not applied again", () => {
    expect(featured(showOf([stock(5, "lamp", 3), 10], [state(6, { ...lamp, stock: 2 }), 10]).at(10))?.stock).toBe(2);
  });

  test("a stale state does not undo newer ones", () => {
    expect(featured(showOf([state(6, mug), 10], [state(4, lamp), 12]).at(12))).toEqual(mug);
  });

  test("events at one time apply in order of sequence, however they arrive", () => {
    const messages: [ShowMessage, number][] = [[stock(2, "lamp", 0), 5], [shows(1, lamp), 5], [stock(3, "lamp", 4), 5]];
    for (const order of permutations(messages)) expect(featured(showOf(...order).at(5))?.stock).toBe(4);
  });

  test("a cue a rounding error ahead of its frame still holds on that frame", () => {
    expect(featured(showOf([shows(1, lamp), 3.000001]).at(3))?.id).toBe("lamp");
  });
});

describe("what an event does", () => {
  const show = (product: Product, more: object = {}): ShowEvent => ({ type: "product.show", product, ...more });
  const hide = (id: string): ShowEvent => ({ type: "product.hide", product: { id } });
  const feature = (id: string): ShowEvent => ({ type: "product.feature", product: { id } });
  const order = (...order: string[]): ShowEvent => ({ type: "product.reorder", order });
  const fold = (...events: ShowEvent[]) => events.reduce<ShowState>((state, event, index) => after(state, event, index + 1), EMPTY);
  const beside = show(mug, { featured: false });

  // The origin's own table of the same cases: metadata-track/src/state/tests.rs.
  test.each([
    [[], "/-"],
    [[show(lamp)], "lamp/lamp"],
    [[show(lamp), show(mug)], "lamp,mug/mug"],
    [[show(lamp), show(mug), show(lamp)], "lamp,mug/lamp"],
    [[show(lamp), beside], "lamp,mug/lamp"],
    [[show(lamp), show(mug), hide("mug")], "lamp/-"],
    [[show(lamp), show(mug), hide("lamp"), show(lamp)], "mug,lamp/lamp"],
    [[show(lamp), beside, order("mug"), feature("mug")], "mug,lamp/mug"],
    [[show(lamp), order("mug", "lamp"), feature("mug")], "lamp/lamp"],
    [[show(lamp), show(mug, { replace: true })], "mug/mug"],
    [[show(lamp), { type: "reaction.burst", reactions: [] }], "lamp/lamp"],
    [[show(lamp), { type: "show.clear" }], "/-"],
  ] as [ShowEvent[], string][])("case %#: %j", (events, expected) => {
    const end = fold(...events);
    expect(`${end.products.map(({ id }) => id).join(",")}/${end.featured ?? "-"}`).toBe(expected);
    expect(end.seq).toBe(events.length);
  });

  test("what does not fit changes nothing but the number", () => {
    const dear: ShowEvent = { type: "product.update", product: { id: "lamp", compare_at: { amount: 1, currency: "EUR" } } };
    for (const event of [hide("mug"), dear, feature("mug")]) {
      expect(fold(show(lamp), event)).toEqual({ ...fold(show(lamp)), seq: 2 });
    }
  });

  test("an update takes away what it names null, and reaches variants", () => {
    const sizes: Product = { ...lamp, compare_at: { amount: 5990, currency: "EUR" }, variants: [{ id: "s", name: "S" }, { id: "l", name: "L", stock: 4 }] };
    const update: ShowEvent = { type: "product.update", product: { id: "lamp", compare_at: null, stock: 3, variants: [{ id: "l", stock: 0 }] } };
    const { compare_at: _, ...rest } = sizes;
    const variants = [{ id: "s", name: "S" }, { id: "l", name: "L", stock: 0 }];
    expect(featured(fold(show(sizes), update))).toEqual({ ...rest, stock: 3, variants });
    const unknown: ShowEvent = { type: "product.update", product: { id: "lamp", stock: 1, variants: [{ id: "xl", stock: 0 }] } };
    expect(featured(fold(show(sizes), unknown))).toEqual(sizes);
  });

  test("a poll is opened, counted, closed and removed", () => {
    const poll = { id: "q", question: "Which?", options: [{ id: "a", text: "A" }, { id: "b", text: "B" }] };
    const open: ShowEvent = { type: "poll.open", poll };
    const tally: ShowEvent = { type: "poll.tally", poll: { id: "q", votes: [{ option: "b", count: 7 }] } };
    const close: ShowEvent = { type: "poll.close", poll: { id: "q", votes: [{ option: "a", count: 2 }] } };
    expect(fold(open, tally, close, tally).polls).toEqual([{ ...poll, votes: [2, 7], closed: true }]);
    expect(fold(open, tally, close, open).polls).toEqual([{ ...poll, votes: [0, 0] }]);
    expect(fold(open, { type: "poll.remove", poll: { id: "q" } }).polls).toEqual([]);
  });

  test("drops, messages, coupons and kept bodies come, are bounded, and go", () => {
    const drops = Array.from({ length: 9 }, (_, n): ShowEvent => ({ type: "drop.announce", drop: { id: `d${n}`, title: "T", opens_at: "2026-11-24T15:00:00Z" } }));
    expect(fold(...drops).drops.map(({ id }) => id)).toEqual(["d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"]);
    const pin: ShowEvent = { type: "message.pin", message: { id: "m", text: "Hi" } };
    const offer: ShowEvent = { type: "coupon.offer", coupon: { code: "C", text: "T" } };
    const keep: ShowEvent = { type: "custom", name: "com.example.n", body: [1], keep: true };
    expect(fold(pin, pin, offer, offer, keep, { ...keep, body: 2, keep: false })).toMatchObject({
      messages: [{ id: "m" }], coupons: [{ code: "C" }], custom: [{ name: "com.example.n", body: [1] }],
    });
    const gone: ShowEvent[] = [{ type: "message.unpin", message: { id: "m" } }, { type: "coupon.withdraw", coupon: { code: "C" } }, { ...keep, body: null }];
    expect(fold(pin, offer, keep, ...gone)).toEqual({ ...EMPTY, seq: 6 });
  });
});

describe("takePassed", () => {
  test("gives events of one time in the order of the show, however the player hands them over", () => {
    const show = showOf([stock(4, "lamp", 1), 3], [stock(3, "lamp", 2), 3], [shows(2, lamp), 3], [shows(1, mug), 2]);
    expect(show.takePassed(3).map((at) => at.message.seq)).toEqual([1, 2, 3, 4]);
  });

  test("each event is passed once: repeats, other renditions and a second play are not told", () => {
    const show = showOf([shows(1, lamp), 3]);
    expect(show.add(shows(1, lamp), 3)).toBe(false);
    expect(show.takePassed(2.9)).toEqual([]);
    expect(show.takePassed(3).map((at) => at.message.id)).toEqual(["e-1"]);
    expect(show.takePassed(1)).toEqual([]);
    expect(show.takePassed(4)).toEqual([]);
  });

  test("a jump passes everything up to its end, in order of time", () => {
    const show = showOf([shows(2, mug), 8], [shows(1, lamp), 3]);
    expect(show.takePassed(10).map((at) => at.message.seq)).toEqual([1, 2]);
  });
});

describe("bounds", () => {
  test("the earliest events are dropped, and the state in force stands in for them", () => {
    const show = new Timeline(10);
    for (let seq = 1; seq <= 30; seq++) {
      show.add(seq === 1 ? shows(1, lamp) : stock(seq, "lamp", seq), seq);
      show.add(state(seq, { ...lamp, stock: seq }), seq + 0.5);
    }
    expect(featured(show.at(100))?.stock).toBe(30);
    expect(featured(show.at(5))).toBeNull();
    expect(featured(show.at(25))?.stock).toBe(25);
  });

  test("of repeated states only the earliest is kept", () => {
    const show = new Timeline(2);
    expect(show.add(state(1, lamp), 4)).toBe(true);
    expect(show.add(state(1, lamp), 6)).toBe(false);
    expect(show.add(state(1, lamp), 2)).toBe(true);
    expect(featured(show.at(2))).toEqual(lamp);
  });

  test("other media start empty, but what was passed is not told again", () => {
    const show = showOf([shows(1, lamp), 3]);
    show.takePassed(3);
    show.clear();
    expect(featured(show.at(3))).toBeNull();
    show.add(shows(1, lamp), 1);
    show.add(shows(2, mug), 1);
    expect(show.takePassed(1).map((at) => at.message.id)).toEqual(["e-2"]);
  });
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}
