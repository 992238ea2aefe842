// The product as the show's messages carry it, and what is allowed in: everything here comes from outside the page, so
// each field is checked before any of it reaches the document.

/** A price in minor units of its ISO 4217 currency. */
export interface Price {
  readonly amount: number;
  readonly currency: string;
}

/** What the card shows. `stock` absent means that the shop does not tell. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly image?: string;
  readonly price: Price;
  readonly stock?: number;
  readonly url?: string;
}

/** The part of a product that `product.update` may change. */
export interface ProductChange {
  readonly id: string;
  readonly price?: Price;
  readonly stock?: number;
}

const MAX_TEXT = 500;
const MAX_URL = 2048;

/** A whole product, or null when a required field is missing or wrong. A bad optional field is left out. */
export function readProduct(value: unknown): Product | null {
  if (!isRecord(value)) return null;
  const id = text(value["id"]);
  const name = text(value["name"]);
  const price = readPrice(value["price"]);
  if (id === null || name === null || price === null) return null;
  const image = safeUrl(value["image"]);
  const url = safeUrl(value["url"]);
  const stock = count(value["stock"]);
  return {
    id,
    name,
    price,
    ...(image !== null && { image }),
    ...(stock !== null && { stock }),
    ...(url !== null && { url }),
  };
}

/** The changes of a `product.update`, or null without a product id. */
export function readChange(value: unknown): ProductChange | null {
  if (!isRecord(value)) return null;
  const id = text(value["id"]);
  if (id === null) return null;
  const price = readPrice(value["price"]);
  const stock = count(value["stock"]);
  return { id, ...(price !== null && { price }), ...(stock !== null && { stock }) };
}

/**
 * An address that may stand in `href` or `src`: http, https, or a path on this origin. Anything else (`javascript:`,
 * `data:`, `//host`, a path that a browser would read as another host) is null.
 */
export function safeUrl(value: unknown): string | null {
  if (typeof value !== "string" || value.length === 0 || value.length > MAX_URL) return null;
  if (/[\u0000-\u0020\\]/.test(value)) return null;
  if (/^\/(?!\/)/.test(value)) return value;
  if (!/^https?:\/\//i.test(value)) return null;
  try {
    return new URL(value).href;
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A non-empty string of a sane length, or null. */
export function text(value: unknown): string | null {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_TEXT ? value : null;
}

/** A whole number from zero up that a double holds exactly, or null. */
export function count(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function readPrice(value: unknown): Price | null {
  if (!isRecord(value)) return null;
  const amount = count(value["amount"]);
  const currency = value["currency"];
  if (amount === null || typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) return null;
  return { amount, currency };
}
