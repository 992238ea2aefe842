// The product as the show's messages carry it, and what is allowed in: everything here comes from outside the page, so
// each field is checked before any of it reaches the document.

/** A price in minor units of its ISO 4217 currency. */
export interface Price {
  readonly amount: number;
  readonly currency: string;
}

export type Availability = "in_stock" | "low_stock" | "sold_out";

/** What the card shows. `stock` absent means that the shop does not tell. */
export interface Product {
  readonly id: string;
  readonly name: string;
  readonly image?: string;
  readonly price: Price;
  /** What it cost before: shown struck through. */
  readonly compareAt?: Price;
  readonly stock?: number;
  /** With so many left or fewer, stock is low. */
  readonly lowStockAt?: number;
  /** What the shop says of it, whatever `stock` says. */
  readonly availability?: Availability;
  readonly url?: string;
}

/** What `product.update` changes: a field that is absent stays, one that is undefined is taken away. */
export type ProductChange = { readonly id: string } & {
  readonly [Field in Exclude<keyof Product, "id">]?: Product[Field] | undefined;
};

const MAX_TEXT = 500;
const MAX_URL = 2048;

/** A whole product, or null when a required field is missing or wrong. A bad optional field is left out. */
export function readProduct(value: unknown): Product | null {
  if (!isRecord(value)) return null;
  const change = readChange(value);
  const { id, name, price, ...optional } = change ?? {};
  if (id === undefined || name === undefined || price === undefined) return null;
  const given = Object.entries(optional).filter(([, field]) => field !== undefined);
  return { id, name, price, ...Object.fromEntries(given) };
}

/** The changes of a `product.update`, or null without a product id. A field that is wrong is left out. */
export function readChange(value: unknown): ProductChange | null {
  if (!isRecord(value)) return null;
  const id = text(value["id"]);
  if (id === null) return null;
  return {
    id,
    ...required("name", text(value["name"])),
    ...required("price", readPrice(value["price"])),
    ...optional("image", value["image"], safeUrl),
    ...optional("compareAt", value["compare_at"], readPrice),
    ...optional("stock", value["stock"], count),
    ...optional("lowStockAt", value["low_stock_at"], count),
    ...optional("availability", value["availability"], readAvailability),
    ...optional("url", value["url"], safeUrl),
  };
}

/** The product with the change made. */
export function change(product: Product, update: ProductChange): Product {
  const fields = Object.entries({ ...product, ...update }).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields) as unknown as Product;
}

/** Whether it can be had: what the shop says, else what its stock says; null when it says neither. */
export function availability(product: Product): Availability | null {
  if (product.availability) return product.availability;
  if (product.stock === undefined) return null;
  if (product.stock === 0) return "sold_out";
  return product.stock <= (product.lowStockAt ?? 5) ? "low_stock" : "in_stock";
}

function required<Field extends string, T>(field: Field, value: T | null): { [F in Field]?: T } {
  return (value === null ? {} : { [field]: value }) as { [F in Field]?: T };
}

/** On the wire, `null` takes a field away. */
function optional<Field extends string, T>(
  field: Field,
  value: unknown,
  read: (value: unknown) => T | null,
): { [F in Field]?: T | undefined } {
  if (value === null) return { [field]: undefined } as { [F in Field]?: T | undefined };
  return required(field, read(value));
}

function readAvailability(value: unknown): Availability | null {
  return value === "in_stock" || value === "low_stock" || value === "sold_out" ? value : null;
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
