// The reducer: what each event does to the state. It decides as the origin's own (metadata-track/src/state/reduce.rs):
// an event that does not fit changes nothing but `seq`.

import { state as stateShape } from "./events.ts";
import type { Price, Product, ProductUpdate, ShowEvent, ShowState } from "./events.ts";

export const EMPTY: ShowState = {
  seq: 0, products: [], featured: null, drops: [], polls: [], messages: [], coupons: [], custom: [],
};

/** At most so many at one time; one more changes nothing. */
const LIMITS = { products: 32, drops: 8, polls: 4, messages: 4, coupons: 8, custom: 16 };

/** A state from its JSON, as the API answers it and state messages carry it; null if it is none. */
export function readState(value: unknown): ShowState | null {
  const read = stateShape.read(value);
  return read ? { ...EMPTY, ...read } : null;
}

/** The product that the host speaks of. */
export function featured(state: ShowState): Product | null {
  return state.products.find((product) => product.id === state.featured) ?? null;
}

/** The state after `event`, the show's `seq`-th. */
export function after(state: ShowState, event: ShowEvent, seq: number): ShowState {
  return { ...(reduce(state, event) ?? state), seq };
}

/** Null: the event does not fit. */
function reduce(state: ShowState, event: ShowEvent): ShowState | null {
  switch (event.type) {
    case "product.show": {
      const { product } = event;
      const kept = event.replace ? state.products.filter(({ id }) => id === product.id) : state.products;
      const products = fair(product) ? put(kept, product, byId, LIMITS.products) : null;
      const before = event.replace ? null : state.featured;
      return products && { ...state, products, featured: event.featured === false ? before : product.id };
    }
    case "product.update": {
      const old = state.products.find(({ id }) => id === event.product.id);
      const next = old && change(old, event.product);
      return next ? { ...state, products: state.products.map((one) => (one === old ? next : one)) } : null;
    }
    case "product.hide": {
      const products = take(state.products, event.product.id, byId);
      const gone = state.featured === event.product.id;
      return products && { ...state, products, featured: gone ? null : state.featured };
    }
    case "product.feature":
      return state.products.some(({ id }) => id === event.product.id) ? { ...state, featured: event.product.id } : null;
    case "product.reorder": {
      const first = event.order.map((id) => state.products.find((product) => product.id === id));
      const known = first.filter((product) => product !== undefined);
      if (known.length < first.length) return null;
      return { ...state, products: [...known, ...state.products.filter((product) => !known.includes(product))] };
    }
    case "drop.announce":
      return within(state, "drops", put(state.drops, event.drop, byId, LIMITS.drops));
    case "drop.withdraw":
      return within(state, "drops", take(state.drops, event.drop.id, byId));
    case "poll.open": {
      const poll = { ...event.poll, votes: event.poll.options.map(() => 0) };
      return within(state, "polls", put(state.polls, poll, byId, LIMITS.polls));
    }
    case "poll.tally":
    case "poll.close":
      return within(state, "polls", tally(state.polls, event));
    case "poll.remove":
      return within(state, "polls", take(state.polls, event.poll.id, byId));
    case "message.pin":
      return within(state, "messages", put(state.messages, event.message, byId, LIMITS.messages));
    case "message.unpin":
      return within(state, "messages", take(state.messages, event.message.id, byId));
    case "coupon.offer":
      return within(state, "coupons", put(state.coupons, event.coupon, ({ code }) => code, LIMITS.coupons));
    case "coupon.withdraw":
      return within(state, "coupons", take(state.coupons, event.coupon.code, ({ code }) => code));
    case "custom":
      return within(state, "custom", keep(state.custom, event));
    case "reaction.burst":
      return state;
    case "show.clear":
      return EMPTY;
  }
}

function within<K extends keyof ShowState>(state: ShowState, key: K, list: ShowState[K] | null): ShowState | null {
  return list === null ? null : { ...state, [key]: list };
}

const byId = ({ id }: { readonly id: string }) => id;

/** In the place of the entry of the same key, or at the end; null if the list is full. */
function put<T>(list: readonly T[], entry: T, key: (entry: T) => string, limit: number): readonly T[] | null {
  if (list.some((old) => key(old) === key(entry))) return list.map((old) => (key(old) === key(entry) ? entry : old));
  return list.length < limit ? [...list, entry] : null;
}

/** Without the entry of that key; null if there is none. */
function take<T>(list: readonly T[], wanted: string, key: (entry: T) => string): readonly T[] | null {
  const left = list.filter((entry) => key(entry) !== wanted);
  return left.length < list.length ? left : null;
}

function tally(polls: ShowState["polls"], event: ShowEvent<"poll.tally" | "poll.close">): ShowState["polls"] | null {
  const { id, votes = [] } = event.poll;
  const poll = polls.find((poll) => poll.id === id);
  if (!poll || poll.closed) return null;
  const counts = [...poll.votes];
  for (const { option, count } of votes) {
    const index = poll.options.findIndex((known) => known.id === option);
    if (index < 0) return null;
    counts[index] = count;
  }
  const next = { ...poll, votes: counts, ...(event.type === "poll.close" ? { closed: true } : {}) };
  return polls.map((one) => (one === poll ? next : one));
}

function keep(custom: ShowState["custom"], { name, body, keep }: ShowEvent<"custom">): ShowState["custom"] | null {
  if (!keep) return custom;
  if (body == null) return custom.filter((kept) => kept.name !== name);
  return put(custom, { name, body }, (kept) => kept.name, LIMITS.custom);
}

/** The product with the change made: what is absent stays, null takes away. Null if it may not be so. */
function change(product: Product, { variants, ...update }: ProductUpdate): Product | null {
  let changed: Product = merged(product, update);
  for (const update of variants ?? []) {
    if (!changed.variants?.some(({ id }) => id === update.id)) return null;
    const next = changed.variants.map((variant) => (variant.id === update.id ? merged(variant, update) : variant));
    changed = { ...changed, variants: next };
  }
  return fair(changed) ? changed : null;
}

function merged<T extends object>(whole: T, update: object): T {
  return Object.fromEntries(Object.entries({ ...whole, ...update }).filter(([, field]) => field !== null)) as T;
}

/** A price to compare with is higher, in the same currency. */
function fair({ price, compare_at, variants = [] }: Product): boolean {
  const higher = (price: Price, before: Price | undefined) =>
    before === undefined || (before.currency === price.currency && before.amount > price.amount);
  return higher(price, compare_at) && variants.every((variant) => higher(variant.price ?? price, variant.compare_at));
}
