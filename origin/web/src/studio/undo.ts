// Undo: the events that put right what an event changed, worked out by the show's own reducer.

import type { Poll, Product, ShowEvent, ShowState } from "@vitrine/player";
import { after } from "../../player/src/state.ts";

/** What takes `event` back from the state `before`; empty if it changed nothing that lasts. */
export function inverse(before: ShowState, event: ShowEvent): ShowEvent[] {
  return restore(after(before, event, before.seq), before);
}

/** What leads from one state to another. Of lists, only the order of products is kept. */
export function restore(from: ShowState, to: ShowState): ShowEvent[] {
  return [
    ...products(from, to),
    ...listed(from.drops, to.drops, byId,
      (drop): ShowEvent[] => [{ type: "drop.announce", drop }], ({ id }): ShowEvent[] => [{ type: "drop.withdraw", drop: { id } }]),
    ...listed(from.polls, to.polls, byId, reopened, ({ id }): ShowEvent[] => [{ type: "poll.remove", poll: { id } }]),
    ...listed(from.messages, to.messages, byId,
      (message): ShowEvent[] => [{ type: "message.pin", message }], ({ id }): ShowEvent[] => [{ type: "message.unpin", message: { id } }]),
    ...listed(from.coupons, to.coupons, ({ code }) => code,
      (coupon): ShowEvent[] => [{ type: "coupon.offer", coupon }], ({ code }): ShowEvent[] => [{ type: "coupon.withdraw", coupon: { code } }]),
    ...listed(from.custom, to.custom, ({ name }) => name,
      ({ name, body }): ShowEvent[] => [{ type: "custom", name, body, keep: true }],
      ({ name }): ShowEvent[] => [{ type: "custom", name, body: null, keep: true }]),
  ];
}

function products(from: ShowState, to: ShowState): ShowEvent[] {
  const events: ShowEvent[] = [];
  const hide = (id: string) => events.push({ type: "product.hide", product: { id } });
  const show = (product: Product) => events.push({ type: "product.show", product, featured: false });
  for (const { id } of from.products) {
    // Nothing takes the spotlight off a product but taking it off the air.
    const wasFeatured = id === from.featured && to.featured === null;
    if (wasFeatured || !to.products.some((wanted) => wanted.id === id)) hide(id);
  }
  const left = new Map(from.products.map((product) => [product.id, product]));
  for (const event of events) if (event.type === "product.hide") left.delete(event.product.id);
  for (const product of to.products) {
    if (!same(left.get(product.id), product)) show(product);
    left.set(product.id, product);
  }
  const order = to.products.map(byId);
  if (!same([...left.keys()], order)) events.push({ type: "product.reorder", order });
  if (to.featured !== null && to.featured !== from.featured) events.push({ type: "product.feature", product: { id: to.featured } });
  return events;
}

/** A poll with the votes that it had. */
function reopened({ votes, closed, ...poll }: Poll): ShowEvent[] {
  const counts = poll.options.map(({ id }, index) => ({ option: id, count: votes[index] ?? 0 }));
  const open: ShowEvent = { type: "poll.open", poll };
  if (closed) return [open, { type: "poll.close", poll: { id: poll.id, votes: counts } }];
  return votes.some((count) => count > 0) ? [open, { type: "poll.tally", poll: { id: poll.id, votes: counts } }] : [open];
}

function listed<T>(from: readonly T[], to: readonly T[], key: (entry: T) => string, put: (entry: T) => ShowEvent[], take: (entry: T) => ShowEvent[]): ShowEvent[] {
  const gone = from.filter((entry) => !to.some((wanted) => key(wanted) === key(entry)));
  const wanted = to.filter((entry) => !same(from.find((old) => key(old) === key(entry)), entry));
  return [...gone.flatMap(take), ...wanted.flatMap(put)];
}

const byId = ({ id }: { readonly id: string }) => id;

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
