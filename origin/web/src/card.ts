// The product card. The show calls `render` with the product on show; only what changed is touched, and a screen reader
// is told of it in one sentence.

import { formatPrice, formatStock } from "./price.ts";
import { availability } from "./product.ts";
import { make } from "./dom.ts";
import type { Product } from "@vitrine/player";

export class Card {
  private shown: Product | null = null;
  private readonly label: HTMLElement;
  private readonly image: HTMLImageElement;
  private readonly name: HTMLElement;
  private readonly price: HTMLElement;
  private readonly before: HTMLElement;
  private readonly stock: HTMLElement;
  private readonly variants: HTMLElement;
  private readonly buy: HTMLAnchorElement;
  private readonly buyLabel: HTMLElement;

  /** `root` holds the card's parts; `announcer` is a polite live region that only screen readers meet. */
  constructor(
    private readonly root: HTMLElement,
    private readonly announcer: HTMLElement,
  ) {
    this.label = this.part(".card-label");
    this.image = this.part<HTMLImageElement>(".card-image");
    this.name = this.part(".card-name");
    this.price = this.part(".card-price");
    this.before = this.part(".card-before");
    this.stock = this.part(".card-stock");
    this.variants = this.part(".card-variants");
    this.buy = this.part<HTMLAnchorElement>(".card-buy");
    this.buyLabel = this.part(".card-buy-label");
    // A picture that cannot be loaded leaves a drawn placeholder, not a broken frame.
    this.image.addEventListener("error", () => (this.image.hidden = true));
  }

  render(product: Product | null): void {
    const before = this.shown;
    if (sameProduct(before, product)) return;
    this.shown = product;
    this.root.dataset["state"] = product ? "shown" : "empty";
    if (!product) {
      if (before) this.announce(`${before.name} is no longer on show.`);
      return;
    }
    if (before?.id !== product.id) this.replay(this.root, "enter");
    else this.highlight(before, product);
    this.fill(product);
    this.announce(describe(before, product));
  }

  /** Once the show is over, its last product stays, but is no longer on show. */
  setOver(over: boolean): void {
    const label = over ? "Last on show" : "On show now";
    if (this.label.textContent !== label) this.label.textContent = label;
  }

  private fill(product: Product): void {
    this.name.textContent = product.name;
    this.price.textContent = formatPrice(product.price);
    this.before.hidden = product.compare_at === undefined;
    this.before.textContent = product.compare_at ? formatPrice(product.compare_at) : "";
    const stock = formatStock(product);
    this.stock.hidden = stock === null;
    this.stock.textContent = stock?.text ?? "";
    this.stock.dataset["level"] = stock?.level ?? "";
    this.showImage(product.image);
    this.showVariants(product);
    this.buy.hidden = !product.url;
    if (product.url) this.buy.href = product.url;
    else this.buy.removeAttribute("href");
    const soldOut = availability(product) === "sold_out";
    this.root.dataset["soldOut"] = String(soldOut);
    this.buyLabel.textContent = soldOut ? "See details" : "Buy now";
    this.buy.setAttribute("aria-label", `${soldOut ? "See details of" : "Buy now:"} ${product.name} (opens in a new tab)`);
  }

  private showImage(url: string | undefined): void {
    if (url === (this.image.getAttribute("src") ?? undefined)) return;
    this.image.hidden = url === undefined;
    if (url === undefined) this.image.removeAttribute("src");
    else this.image.src = url;
  }

  private showVariants({ variants = [], price }: Product): void {
    this.variants.hidden = variants.length === 0;
    this.variants.replaceChildren(...variants.map((variant) => {
      const out = availability({ ...variant, low_stock_at: 0 }) === "sold_out";
      const dearer = variant.price && variant.price.amount !== price.amount ? [make("b", {}, formatPrice(variant.price))] : [];
      const entry = make("li", { "data-out": String(out) }, variant.name, ...dearer);
      if (out) entry.append(make("span", { class: "sr" }, ", sold out"));
      return entry;
    }));
  }

  private highlight(before: Product, product: Product): void {
    if (!samePrice(before, product)) this.replay(this.price, "changed");
    if (stockText(before) !== stockText(product)) this.replay(this.stock, "changed");
  }

  /** Starts a CSS animation anew, also while it runs. */
  private replay(element: HTMLElement, name: string): void {
    element.classList.remove(name);
    void element.offsetWidth;
    element.classList.add(name);
  }

  private announce(sentence: string): void {
    this.announcer.textContent = sentence;
  }

  private part<E extends HTMLElement>(selector: string): E {
    const element = this.root.querySelector<E>(selector);
    if (!element) throw new Error(`the card has no ${selector}`);
    return element;
  }
}

/** What a screen reader says of the change from `before` to `product`. */
export function describe(before: Product | null, product: Product): string {
  const price = formatPrice(product.price);
  const stock = stockText(product);
  if (before?.id !== product.id) return `Now showing: ${product.name}, ${price}${stock ? `, ${stock}` : ""}.`;
  const changes = [
    ...(samePrice(before, product) ? [] : [`the price is now ${price}`]),
    ...(stockText(before) === stock || !stock ? [] : [stock]),
  ];
  return changes.length ? `${product.name}: ${changes.join(", ")}.` : "";
}

function samePrice(a: Product, b: Product): boolean {
  return a.price.amount === b.price.amount && a.price.currency === b.price.currency;
}

function stockText(product: Product): string | undefined {
  return formatStock(product)?.text;
}

function sameProduct(a: Product | null, b: Product | null): boolean {
  return a === b || (a !== null && b !== null && JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort()));
}
