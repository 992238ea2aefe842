// The shop's catalogue, from a file: JSON as the events have products, or CSV as spreadsheets write it.
//
//   id,name,price,currency,compare_at,stock,low_stock_at,availability,image,url
//   lamp-1,Dune table lamp,89.00,EUR,,12,3,,/assets/demo/lamp.svg,https://shop.example/lamp

import { isRecord } from "@vitrine/player";
import type { Product } from "@vitrine/player";
import { product as productShape } from "../../player/src/events.ts";
import { parseCsv } from "./csv.ts";
import { parsePrice } from "./money.ts";

/** What is wrong with a product: the field by the name that it has in an event, and what to do. */
export interface Fault {
  readonly field: string;
  readonly problem: string;
}

export interface Catalogue {
  readonly products: readonly Product[];
  /** What was left out of it, each with where it stands in the file. */
  readonly faults: readonly string[];
}

/** Far more than a show has; a file of more is not a show's. */
const MAX_PRODUCTS = 500;
const COLUMNS = ["id", "name", "price", "currency", "compare_at", "stock", "low_stock_at", "availability", "image", "url"];
const REQUIRED = ["id", "name", "price", "currency"];

/** Reads a file's text; what cannot be read is named, and the rest is taken. */
export function parseCatalogue(text: string): Catalogue {
  const begin = text.replace(/^\uFEFF/, "").trimStart()[0];
  const read = begin === "[" || begin === "{" ? readJson(text) : readCsv(text);
  return withoutRepeats(read);
}

function readJson(text: string): Catalogue {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    return { products: [], faults: [`The file is not JSON: ${(error as Error).message}`] };
  }
  const list = isRecord(value) ? value["products"] : value;
  if (!Array.isArray(list)) return { products: [], faults: ["The file has no list of products: […] or {\"products\": […]}"] };
  return gather(list.map((entry, index) => ({ where: `Product ${index + 1}`, entry: checked(entry) })));
}

function readCsv(text: string): Catalogue {
  const [head, ...rows] = parseCsv(text);
  const columns = head?.cells.map((cell) => cell.toLowerCase()) ?? [];
  const missing = REQUIRED.filter((name) => !columns.includes(name));
  if (missing.length) return { products: [], faults: [`The first line has no column ${missing.join(", ")}. Columns: ${COLUMNS.join(", ")}`] };
  const entries = rows.map(({ line, cells }) => {
    const row = Object.fromEntries(columns.map((name, index) => [name, cells[index] ?? ""]));
    return { where: `Line ${line}`, entry: fromWords(row) };
  });
  return gather(entries);
}

/** A product from words, as a row of a file or a form has them. Empty ones are left out. */
export function fromWords(words: Readonly<Record<string, string>>): Product | Fault {
  const word = (name: string) => words[name]?.trim() ?? "";
  const currency = word("currency").toUpperCase();
  if (!/^[A-Z]{3}$/.test(currency)) return { field: "product.price.currency", problem: "three letters of ISO 4217, such as EUR" };
  const draft: Record<string, unknown> = { id: word("id"), name: word("name") };
  for (const name of ["price", "compare_at"]) {
    if (word(name) === "" && name !== "price") continue;
    const price = parsePrice(word(name), currency);
    if (!price) return { field: `product.${name}`, problem: "a price such as 49.90" };
    draft[name] = price;
  }
  for (const name of ["stock", "low_stock_at"]) {
    if (word(name) === "") continue;
    if (!/^\d{1,9}$/.test(word(name))) return { field: `product.${name}`, problem: "a whole number, from 0" };
    draft[name] = Number(word(name));
  }
  for (const name of ["availability", "image", "url"]) if (word(name) !== "") draft[name] = word(name);
  return checked(draft);
}

/** The product, or what is wrong with it. The origin checks again, and more. */
export function checked(value: unknown): Product | Fault {
  const fault = (field: string, problem: string): Fault => ({ field: `product.${field}`, problem });
  if (!isRecord(value)) return { field: "product", problem: "must be an object" };
  const { id, name, price, compare_at: before } = value;
  if (typeof id !== "string" || !/^[A-Za-z0-9._-]{1,64}$/.test(id)) return fault("id", "1 to 64 characters of A-Z a-z 0-9 . _ -");
  if (typeof name !== "string" || name.trim() === "" || name.length > 200) return fault("name", "1 to 200 characters");
  if (!isRecord(price)) return fault("price", "is missing");
  const product = productShape.read(value);
  if (!product) return fault("price", "a whole number of minor units in `amount`, an ISO 4217 code in `currency`");
  for (const field of Object.keys(value)) {
    if (!(field in product)) return fault(field, field in PROBLEMS ? PROBLEMS[field]! : "is not known");
  }
  if (isRecord(before) && product.compare_at && product.compare_at.amount <= product.price.amount) {
    return fault("compare_at", "must be higher than the price");
  }
  return product;
}

const PROBLEMS: Readonly<Record<string, string>> = {
  image: "an address: https://…, or a path that begins with /",
  url: "an address: https://…, or a path that begins with /",
  compare_at: "a price like `price`",
  stock: "a whole number, from 0",
  low_stock_at: "a whole number, from 0",
  availability: "in_stock, low_stock or sold_out",
  variants: "a list of variants, each with id and name",
};

export function isFault(entry: Product | Fault): entry is Fault {
  return "problem" in entry;
}

function gather(entries: readonly { readonly where: string; readonly entry: Product | Fault }[]): Catalogue {
  const products: Product[] = [];
  const faults: string[] = [];
  for (const { where, entry } of entries) {
    if (isFault(entry)) faults.push(`${where}: ${entry.field.replace(/^product\./, "")}: ${entry.problem}`);
    else products.push(entry);
  }
  if (!entries.length) faults.push("The file has no products");
  return { products, faults };
}

function withoutRepeats({ products, faults }: Catalogue): Catalogue {
  const found = new Map<string, Product>();
  const more = [...faults];
  for (const product of products) {
    if (found.has(product.id)) more.push(`${product.id} stands there twice: the first one is taken`);
    else if (found.size >= MAX_PRODUCTS) more.push(`${product.id} is left out: ${MAX_PRODUCTS} products are taken at most`);
    else found.set(product.id, product);
  }
  return { products: [...found.values()], faults: more };
}
