// The products on air and the featured one, and what each event does to them: the origin's own reducer, for the card.

import type { ShelfEvent } from "./cues.ts";
import { change } from "./product.ts";
import type { Product } from "./product.ts";

export interface Shelf {
  readonly products: readonly Product[];
  /** Id of the product that the host speaks of. */
  readonly featured: string | null;
}

export const EMPTY: Shelf = { products: [], featured: null };

/** The product that the card shows. */
export function featured(shelf: Shelf): Product | null {
  return shelf.products.find((product) => product.id === shelf.featured) ?? null;
}

/** One step of the show. An event that speaks of a product that is not on air changes nothing. */
export function apply(shelf: Shelf, event: ShelfEvent): Shelf {
  switch (event.type) {
    case "product.show": {
      const { product, replace } = event;
      const kept = replace ? shelf.products.filter(({ id }) => id === product.id) : shelf.products;
      const known = kept.some(({ id }) => id === product.id);
      const products = known ? kept.map((old) => (old.id === product.id ? product : old)) : [...kept, product];
      return { products, featured: event.featured ? product.id : replace ? null : shelf.featured };
    }
    case "product.update": {
      const update = event.product;
      if (!has(shelf, update.id)) return shelf;
      return { ...shelf, products: shelf.products.map((old) => (old.id === update.id ? change(old, update) : old)) };
    }
    case "product.hide": {
      const hidden = event.product.id;
      if (!has(shelf, hidden)) return shelf;
      const products = shelf.products.filter(({ id }) => id !== hidden);
      return { products, featured: shelf.featured === hidden ? null : shelf.featured };
    }
    case "product.feature":
      return has(shelf, event.product.id) ? { ...shelf, featured: event.product.id } : shelf;
    case "product.reorder": {
      const first = event.order.map((id) => shelf.products.find((product) => product.id === id));
      if (first.some((product) => product === undefined)) return shelf;
      const others = shelf.products.filter(({ id }) => !event.order.includes(id));
      return { ...shelf, products: [...first.filter((product) => product !== undefined), ...others] };
    }
    case "show.clear":
      return EMPTY;
    case "other":
      return shelf;
  }
}

function has(shelf: Shelf, wanted: string): boolean {
  return shelf.products.some(({ id }) => id === wanted);
}
