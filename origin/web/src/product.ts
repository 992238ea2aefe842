// What the card says of a product.

import type { Availability, Product } from "@vitrine/player";

/** Whether it can be had: what the shop says, else what its stock says; null when it says neither. */
export function availability(product: Pick<Product, "availability" | "stock" | "low_stock_at">): Availability | null {
  if (product.availability) return product.availability;
  if (product.stock === undefined) return null;
  if (product.stock === 0) return "sold_out";
  return product.stock <= (product.low_stock_at ?? 5) ? "low_stock" : "in_stock";
}
