// The catalogue's rows: each product with its picture, price and stock, and one click to show or hide it.

import { featured } from "@vitrine/player";
import type { Product, ShowEvent, ShowState } from "@vitrine/player";
import { formatPrice, formatStock } from "../price.ts";
import { availability } from "../product.ts";
import { button, make, setText } from "../dom.ts";
import type { Row } from "../dom.ts";
import { parsePrice, plainPrice } from "./money.ts";

export interface ProductActions {
  act(events: readonly ShowEvent[], label: string, form: HTMLElement): Promise<void>;
  /** A product that is not on air, changed in the catalogue. */
  edit(product: Product): void;
  fault(form: HTMLElement, field: string, problem: string): void;
}

/** A product of the catalogue, and as it is on air. */
export interface Entry {
  readonly product: Product;
  readonly onAir: Product | null;
  readonly isFeatured: boolean;
}

/** The catalogue in its order, then what else is on air; what does not contain `search` is left out. */
export function entries(catalogue: readonly Product[], state: ShowState, search: string): Entry[] {
  const others = state.products.filter(({ id }) => !catalogue.some((known) => known.id === id));
  const wanted = search.trim().toLowerCase();
  const spotlight = featured(state)?.id;
  return [...catalogue, ...others]
    .filter(({ id, name }) => `${id} ${name}`.toLowerCase().includes(wanted))
    .map((product) => ({
      product,
      onAir: state.products.find(({ id }) => id === product.id) ?? null,
      isFeatured: product.id === spotlight,
    }));
}

/** What the button of a product does: show it, put it in the spotlight, or hide it. */
export function toggle({ product, onAir, isFeatured }: Entry): { readonly event: ShowEvent; readonly label: string } {
  if (!onAir) return { event: { type: "product.show", product }, label: `Show ${product.name}` };
  if (!isFeatured) return { event: { type: "product.feature", product: { id: product.id } }, label: `Feature ${product.name}` };
  return { event: { type: "product.hide", product: { id: product.id } }, label: `Hide ${product.name}` };
}

export class ProductRow implements Row<Entry> {
  readonly root = make("li", { class: "product" });
  private readonly picture = make("img", { alt: "", loading: "lazy" });
  private readonly number = make("kbd", { class: "number" });
  private readonly name = make("p", { class: "product-name" });
  private readonly facts = make("p", { class: "product-facts soft" });
  private readonly price = make("input", { "data-field": "product.price", inputmode: "decimal", size: "7" });
  private readonly stock = make("input", { "data-field": "product.stock", inputmode: "numeric", size: "5", placeholder: "–" });
  private readonly set = make("button", { type: "submit", class: "small" }, "Set");
  private readonly soldOut: HTMLButtonElement;
  private readonly hide: HTMLButtonElement;
  private readonly show: HTMLButtonElement;
  private readonly form = make("form", { class: "product-form", novalidate: "" });

  constructor(
    private entry: Entry,
    private readonly actions: ProductActions,
  ) {
    const { name } = entry.product;
    this.stock.value = ((entry.onAir ?? entry.product).stock ?? "").toString();
    this.price.setAttribute("aria-label", `Price of ${name}`);
    this.stock.setAttribute("aria-label", `Stock of ${name}`);
    this.set.setAttribute("aria-label", `Set price and stock of ${name}`);
    this.soldOut = button("Sold out", `${name} is sold out`, () => this.sellOut());
    this.hide = button("Hide", `Hide ${name}`, () => this.send({ type: "product.hide", product: { id: this.entry.product.id } }, `Hide ${name}`));
    this.show = button("Show", `Show ${name}`, () => this.press(), "main");
    this.form.append(make("label", {}, this.price), make("label", { class: "stock" }, this.stock, make("span", {}, "left")), this.set, this.soldOut);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("input", () => this.showDirty());
    this.picture.addEventListener("error", () => (this.picture.hidden = true));
    const words = make("div", { class: "product-words" }, this.name, this.facts);
    this.root.append(this.number, make("div", { class: "thumb" }, this.picture), words, this.form, make("div", { class: "product-buttons" }, this.hide, this.show));
  }

  update(entry: Entry, index: number): void {
    const old = this.entry;
    this.entry = entry;
    const shown = entry.onAir ?? entry.product;
    this.number.textContent = index < 9 ? String(index + 1) : "";
    setText(this.name, shown.name);
    const stock = formatStock(shown);
    const before = shown.compare_at ? ` (before ${formatPrice(shown.compare_at)})` : "";
    const place = entry.isFeatured ? "In the spotlight" : entry.onAir ? "On air" : "";
    setText(this.facts, [place, formatPrice(shown.price) + before, stock?.text].filter((word) => word).join(" · "));
    this.root.dataset["place"] = entry.isFeatured ? "featured" : entry.onAir ? "on-air" : "off";
    if ((this.picture.getAttribute("src") ?? "") !== (shown.image ?? "")) {
      this.picture.hidden = !shown.image;
      this.picture.src = shown.image ?? "";
    }
    const wasShown = old.onAir ?? old.product;
    if (this.price.value === "" || this.price.value === plainPrice(wasShown.price)) this.price.value = plainPrice(shown.price);
    if (this.stock.value === (wasShown.stock ?? "").toString()) this.stock.value = (shown.stock ?? "").toString();
    const { label } = toggle(entry);
    this.show.hidden = entry.isFeatured;
    setText(this.show, label.split(" ", 1)[0]!);
    this.show.setAttribute("aria-label", label);
    this.hide.hidden = !entry.onAir;
    this.soldOut.hidden = !entry.onAir || availability(shown) === "sold_out";
    this.showDirty();
  }

  private press(): void {
    const { event, label } = toggle(this.entry);
    this.send(event, label);
  }

  private sellOut(): void {
    const { product, onAir } = this.entry;
    const told = onAir?.stock === undefined ? { availability: "sold_out" as const } : { stock: 0 };
    this.send({ type: "product.update", product: { id: product.id, ...told } }, `${product.name} sold out`);
  }

  private submit(): void {
    const shown = this.entry.onAir ?? this.entry.product;
    const price = parsePrice(this.price.value, shown.price.currency);
    if (!price) return this.actions.fault(this.form, "product.price", "a price such as 49.90");
    const words = this.stock.value.trim();
    if (!/^\d{0,9}$/.test(words)) return this.actions.fault(this.form, "product.stock", "a whole number, or nothing");
    const stock = words === "" ? null : Number(words);
    if (!this.entry.onAir) {
      const { stock: _, ...rest } = this.entry.product;
      return this.actions.edit({ ...rest, price, ...(stock === null ? {} : { stock }) });
    }
    const changed = {
      ...(price.amount === shown.price.amount ? {} : { price }),
      ...(stock === (shown.stock ?? null) ? {} : { stock }),
    };
    if (Object.keys(changed).length) this.send({ type: "product.update", product: { id: shown.id, ...changed } as never }, `Change ${shown.name}`);
  }

  private showDirty(): void {
    const shown = this.entry.onAir ?? this.entry.product;
    this.set.hidden = this.price.value === plainPrice(shown.price) && this.stock.value === (shown.stock ?? "").toString();
  }

  private send(event: ShowEvent, label: string): void {
    void this.actions.act([event], label, this.form);
  }
}
