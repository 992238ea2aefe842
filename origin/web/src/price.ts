import { availability } from "./product.ts";
import type { Price, Product } from "@vitrine/player";

// ISO 4217 minor units other than 2. Intl has its own idea of some of these (it takes digits from how prices are
// usually written, e.g. none for IQD), but the amounts on the wire are in ISO minor units.
const ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE = "BHD IQD JOD KWD LYD OMR TND";
const FOUR = "CLF UYW";

/** The number of decimals of a currency's minor unit. */
export function minorDigits(currency: string): number {
  if (ZERO.includes(currency)) return 0;
  if (THREE.includes(currency)) return 3;
  if (FOUR.includes(currency)) return 4;
  return 2;
}

/** The price as the viewer's own language writes it: `{amount: 4990, currency: "EUR"}` → `€49.90` or `49,90 €`. */
export function formatPrice(price: Price, locale?: string): string {
  const digits = minorDigits(price.currency);
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency: price.currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(price.amount / 10 ** digits);
}

/** What to say about the stock; null when the shop does not tell. */
export function formatStock(product: Product): { text: string; level: "out" | "low" | "ok" } | null {
  const { stock } = product;
  switch (availability(product)) {
    case null:
      return null;
    case "sold_out":
      return { text: "Sold out", level: "out" };
    case "low_stock":
      return { text: stock ? `Only ${stock} left` : "Only a few left", level: "low" };
    case "in_stock":
      return { text: stock ? `${stock} in stock` : "In stock", level: "ok" };
  }
}
