import { describe, expect, test } from "vitest";
import type { Message, ShowEvent } from "../src/cues.ts";
import type { Product } from "../src/product.ts";
import { EMPTY, apply, featured } from "../src/shelf.ts";
import type { Shelf } from "../src/shelf.ts";
import { Show } from "../src/show.ts";

const lamp: Product = { id: "lamp", name: "Lamp", price: { amount: 4990, currency: "EUR" }, stock: 12 };
const mug: Product = { id: "mug", name: "Mug", price: { amount: 1800, currency: "EUR" } };

const head = (seq: number) => ({ kind: "event", id: `e-${seq}`, seq, late: false }) as const;
const shows = (seq: number, product: Product): ShowEvent => ({ ...head(seq), type: "product.show", product, featured: true, replace: false });
const stock = (seq: number, id: string, left: number): ShowEvent => ({ ...head(seq), type: "product.update", product: { id, stock: left } });
const hides = (seq: number, id: string): ShowEvent => ({ ...head(seq), type: "product.hide", product: { id } });
const state = (seq: number, product: Product | null): Message => ({ kind: "state", seq, shelf: shelf(product) });
const shelf = (...products: (Product | null)[]): Shelf => {
  const on = products.filter((product) => product !== null);
  return { products: on, featured: on.at(-1)?.id ?? null };
};

function showOf(...messages: [Message, number][]): Show {
  const show = new Show();
  for (const [message, time] of messages) show.add(message, time);
  return show;
}

describe("productAt", () => {
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
    const product = show.productAt(time);
    expect(product && `${product.id}/${product.stock ?? ""}`).toBe(expected);
  });

  test("seeking is only another time", () => {
    expect(show.productAt(9)).toBeNull();
    expect(show.productAt(4)?.id).toBe("lamp");
    expect(show.productAt(8)?.id).toBe("mug");
  });

  test("a viewer who joins late has the product from the first state message", () => {
    expect(showOf([state(7, lamp), 40]).productAt(40)).toEqual(lamp);
  });

  test("an event that the state already contains is not applied again", () => {
    expect(showOf([stock(5, "lamp", 3), 10], [state(6, { ...lamp, stock: 2 }), 10]).productAt(10)?.stock).toBe(2);
  });

  test("a stale state does not undo newer ones", () => {
    expect(showOf([state(6, mug), 10], [state(4, lamp), 12]).productAt(12)).toEqual(mug);
  });

  test("events at one time apply in order of sequence, however they arrive", () => {
    const messages: [Message, number][] = [[stock(2, "lamp", 0), 5], [shows(1, lamp), 5], [stock(3, "lamp", 4), 5]];
    for (const order of permutations(messages)) expect(showOf(...order).productAt(5)?.stock).toBe(4);
  });

  test("a cue a rounding error ahead of its frame still holds on that frame", () => {
    expect(showOf([shows(1, lamp), 3.000001]).productAt(3)?.id).toBe("lamp");
  });
});

describe("apply", () => {
  test("updates and hides of a product that is not on air change nothing", () => {
    const lamps = shelf(lamp);
    expect(apply(lamps, stock(2, "mug", 0))).toBe(lamps);
    expect(apply(lamps, hides(2, "mug"))).toBe(lamps);
    expect(apply(EMPTY, stock(2, "lamp", 0))).toBe(EMPTY);
  });

  const beside: ShowEvent = { ...head(1), type: "product.show", product: mug, featured: false, replace: false };
  const alone: ShowEvent = { ...head(1), type: "product.show", product: mug, featured: true, replace: true };
  const feature = (id: string): ShowEvent => ({ ...head(1), type: "product.feature", product: { id } });
  const order = (...order: string[]): ShowEvent => ({ ...head(1), type: "product.reorder", order });
  const clear: ShowEvent = { ...head(1), type: "show.clear" };
  const other: ShowEvent = { ...head(1), type: "other", name: "poll.open" };

  // The origin's own table of the same cases: metadata-track/src/state/tests.rs.
  test.each([
    [[], "/-"],
    [[shows(1, lamp)], "lamp/lamp"],
    [[shows(1, lamp), shows(2, mug)], "lamp,mug/mug"],
    [[shows(1, lamp), shows(2, mug), shows(3, lamp)], "lamp,mug/lamp"],
    [[shows(1, lamp), beside], "lamp,mug/lamp"],
    [[shows(1, lamp), shows(2, mug), hides(3, "mug")], "lamp/-"],
    [[shows(1, lamp), shows(2, mug), hides(3, "lamp"), shows(4, lamp)], "mug,lamp/lamp"],
    [[shows(1, lamp), beside, order("mug"), feature("mug")], "mug,lamp/mug"],
    [[shows(1, lamp), order("mug", "lamp"), feature("mug")], "lamp/lamp"],
    [[shows(1, lamp), alone], "mug/mug"],
    [[shows(1, lamp), other], "lamp/lamp"],
    [[shows(1, lamp), clear], "/-"],
  ] as const)("case %#: %j", (events, expected) => {
    const end = events.reduce<Shelf>(apply, EMPTY);
    expect(`${end.products.map(({ id }) => id).join(",")}/${end.featured ?? "-"}`).toBe(expected);
  });

  test("an update takes away what it names as undefined", () => {
    const sale = shelf({ ...lamp, compareAt: { amount: 5990, currency: "EUR" } });
    const event: ShowEvent = { ...head(2), type: "product.update", product: { id: "lamp", compareAt: undefined, stock: 3 } };
    expect(featured(apply(sale, event))).toEqual({ ...lamp, stock: 3 });
  });
});

describe("takePassed", () => {
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
    const show = new Show(10);
    for (let seq = 1; seq <= 30; seq++) {
      show.add(seq === 1 ? shows(1, lamp) : stock(seq, "lamp", seq), seq);
      show.add(state(seq, { ...lamp, stock: seq }), seq + 0.5);
    }
    expect(show.productAt(100)?.stock).toBe(30);
    expect(show.productAt(5)).toBeNull();
    expect(show.productAt(25)?.stock).toBe(25);
  });

  test("of repeated states only the earliest is kept", () => {
    const show = new Show(2);
    expect(show.add(state(1, lamp), 4)).toBe(true);
    expect(show.add(state(1, lamp), 6)).toBe(false);
    expect(show.add(state(1, lamp), 2)).toBe(true);
    expect(show.productAt(2)).toEqual(lamp);
  });

  test("a new session starts empty", () => {
    const show = showOf([shows(1, lamp), 3]);
    show.takePassed(3);
    show.clear();
    expect(show.productAt(3)).toBeNull();
    show.add(shows(1, mug), 1);
    expect(show.takePassed(1)).toHaveLength(1);
  });
});

function permutations<T>(items: T[]): T[][] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));
}
