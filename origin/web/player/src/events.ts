// The show's vocabulary as it is on the wire: every event's fields, and the state. Names are those of the published JSON
// Schema (`/schemas/messages/2.json`); a test holds the two against each other.

import { address, any, count, currency, flag, id, list, oneOf, record, text, time } from "./shape.ts";
import type { Of } from "./shape.ts";

/** In minor units of its ISO 4217 currency: `{ amount: 4990, currency: "EUR" }` is 49.90 EUR. */
export const price = record({ amount: count, currency });
const availability = oneOf("in_stock", "low_stock", "sold_out");
const variantFields = { image: address, price, compare_at: price, stock: count, availability };
const variant = record({ id, name: text }, variantFields);
const productFields = { image: address, compare_at: price, stock: count, low_stock_at: count, availability, url: address };
export const product = record({ id, name: text, price }, { ...productFields, variants: list(variant) });
const variantUpdate = record({ id }, {}, { price, compare_at: price, stock: count, availability });
const productUpdate = record({ id }, { name: text, price, variants: list(variantUpdate) }, productFields);
const drop = record({ id, title: text, opens_at: time }, { image: address, product: id });
const pollFields = { id, question: text, options: list(record({ id, text })) };
const tally = record({ id }, { votes: list(record({ option: id, count })) });
const message = record({ id, text }, { author: text });
const coupon = record({ code: id, text }, { amount_off: price, percent_off: count, expires_at: time, product: id });
const ref = record({ id });

/** Each event's fields beside `type`. */
export const EVENTS = {
  "product.show": record({ product }, { featured: flag, replace: flag }),
  "product.update": record({ product: productUpdate }),
  "product.hide": record({ product: ref }),
  "product.feature": record({ product: ref }),
  "product.reorder": record({ order: list(id) }),
  "drop.announce": record({ drop }),
  "drop.withdraw": record({ drop: ref }),
  "poll.open": record({ poll: record(pollFields, { closes_at: time }) }),
  "poll.tally": record({ poll: tally }),
  "poll.close": record({ poll: tally }),
  "poll.remove": record({ poll: ref }),
  "message.pin": record({ message }),
  "message.unpin": record({ message: ref }),
  "reaction.burst": record({ reactions: list(record({ kind: id, count })) }),
  "coupon.offer": record({ coupon }),
  "coupon.withdraw": record({ coupon: record({ code: id }) }),
  custom: record({ name: id }, { body: any, keep: flag }),
  "show.clear": record({}),
} as const;

/** The state's fields: lists that are empty may be left out on the wire. */
export const state = record(
  { seq: count, products: list(product) },
  {
    featured: id,
    drops: list(drop),
    polls: list(record({ ...pollFields, votes: list(count) }, { closes_at: time, closed: flag })),
    messages: list(message),
    coupons: list(coupon),
    custom: list(record({ name: id, body: any })),
  },
);

export type EventType = keyof typeof EVENTS;
/** An event's type and fields. `ShowEvent<"poll.open">` is one type's. */
export type ShowEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K } & Of<(typeof EVENTS)[K]>;
}[T];

export type Price = Of<typeof price>;
export type Product = Of<typeof product>;
export type ProductUpdate = Of<typeof productUpdate>;
export type Variant = Of<typeof variant>;
export type Availability = Of<typeof availability>;
export type Drop = Of<typeof drop>;
export type Message = Of<typeof message>;
export type Coupon = Of<typeof coupon>;
/** What a viewer sees beside the picture at one instant: every list is there, though it may be empty. */
export type ShowState = Omit<globalThis.Required<Of<typeof state>>, "featured"> & {
  /** Id of the product on air that the host speaks of. */
  readonly featured: string | null;
};
export type Poll = ShowState["polls"][number];
