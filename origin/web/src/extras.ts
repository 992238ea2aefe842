// What the show has beside the product in the spotlight: other products, countdowns, polls, coupons, pinned messages. Each is
// shown with the state of the frame on screen, so all of them follow seeks and pauses.

import type { Coupon, Drop, Message, Poll, Product, ShowState } from "@vitrine/player";
import { Rows, make, setText } from "./dom.ts";
import type { Row } from "./dom.ts";
import { formatPrice, formatStock } from "./price.ts";

export class Extras {
  private readonly drops: Rows<Drop>;
  private readonly polls: Rows<Poll>;
  private readonly coupons: Rows<Coupon>;
  private readonly products: Rows<Product>;
  private readonly messages: Rows<Message>;
  private shown: ShowState | null = null;

  /** `clock`: the show's, that of the frame on screen, in milliseconds since 1970. */
  constructor(
    root: HTMLElement,
    pins: HTMLElement,
    private readonly announcer: HTMLElement,
    clock: () => number,
  ) {
    const list = (name: string) => {
      const found = root.querySelector<HTMLElement>(name);
      if (!found) throw new Error(`the page has no ${name}`);
      return found;
    };
    this.drops = new Rows(list(".drops"), byId, () => new DropRow(clock));
    this.polls = new Rows(list(".polls"), byId, () => new PollRow());
    this.coupons = new Rows(list(".coupons"), ({ code }) => code, () => new CouponRow());
    this.products = new Rows(list(".others"), byId, () => new ProductTile());
    this.messages = new Rows(pins, byId, () => new PinRow());
  }

  render(state: ShowState): void {
    const before = this.shown;
    this.shown = state;
    this.draw(state);
    const news = before ? headlines(before, state) : [];
    if (news.length) this.announcer.textContent = news.join(" ");
  }

  /** Countdowns go on between two states. */
  tick(): void {
    if (this.shown?.drops.length) this.drops.render(this.shown.drops);
  }

  private draw(state: ShowState): void {
    this.drops.render(state.drops);
    this.polls.render(state.polls);
    this.coupons.render(state.coupons);
    this.products.render(state.products.filter(({ id }) => id !== state.featured));
    this.messages.render(state.messages);
  }
}

const byId = ({ id }: { readonly id: string }) => id;

/** What a screen reader says of what is new; the product in the spotlight has words of its own. */
export function headlines(before: ShowState, state: ShowState): string[] {
  const fresh = <T>(old: readonly T[], now: readonly T[], key: (entry: T) => string) =>
    now.filter((entry) => !old.some((known) => key(known) === key(entry)));
  const closed = state.polls.filter((poll) => poll.closed && before.polls.some(({ id, closed }) => id === poll.id && !closed));
  return [
    ...fresh(before.drops, state.drops, byId).map(({ title }) => `Countdown: ${title}.`),
    ...fresh(before.polls, state.polls, byId).map(({ question }) => `Poll: ${question}`),
    ...closed.map((poll) => `Poll closed: ${poll.question} ${winner(poll)}`),
    ...fresh(before.coupons, state.coupons, ({ code }) => code).map(({ code, text }) => `Coupon ${code}: ${text}.`),
    ...fresh(before.messages, state.messages, byId).map(({ text }) => `Pinned: ${text}`),
  ];
}

function winner({ options, votes }: Poll): string {
  const most = Math.max(...votes);
  return `${options.filter((_, index) => votes[index] === most).map(({ text }) => text).join(", ")}.`;
}

/** The time left, as `4:07` or `1:04:07`; null when none is. */
export function timeLeft(ms: number): string | null {
  if (ms <= 0) return null;
  const seconds = Math.ceil(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

class DropRow implements Row<Drop> {
  readonly root = make("li", { class: "extra drop" });
  private readonly title = make("p", { class: "extra-title" });
  private readonly left = make("p", { class: "drop-left", role: "timer" });

  constructor(private readonly clock: () => number) {
    this.root.append(make("div", {}, make("p", { class: "extra-label" }, "Drop"), this.title), this.left);
  }

  update({ title, opens_at }: Drop): void {
    const left = timeLeft(Date.parse(opens_at) - this.clock());
    setText(this.title, title);
    setText(this.left, left ?? "Open now");
    this.root.dataset["open"] = String(left === null);
  }
}

class PollRow implements Row<Poll> {
  readonly root = make("li", { class: "extra poll" });
  private readonly label = make("p", { class: "extra-label" });
  private readonly question = make("p", { class: "extra-title" });
  private readonly options = make("ul", { class: "poll-options" });
  private readonly total = make("p", { class: "poll-total" });

  constructor() {
    this.root.append(this.label, this.question, this.options, this.total);
  }

  update({ question, options, votes, closed }: Poll): void {
    const total = votes.reduce((sum, count) => sum + count, 0);
    const most = Math.max(...votes);
    setText(this.label, closed ? "Poll · result" : "Poll");
    setText(this.question, question);
    setText(this.total, total === 1 ? "1 vote" : `${total.toLocaleString()} votes`);
    while (this.options.children.length > options.length) this.options.lastElementChild?.remove();
    options.forEach(({ text }, index) => {
      const row = (this.options.children[index] as HTMLElement | undefined) ?? this.options.appendChild(make("li", {}, make("span"), make("b")));
      const share = total === 0 ? 0 : (votes[index] ?? 0) / total;
      setText(row.firstElementChild!, text);
      setText(row.lastElementChild!, `${Math.round(share * 100)} %`);
      row.style.setProperty("--share", `${share * 100}%`);
      row.dataset["first"] = String(total > 0 && votes[index] === most);
    });
  }
}

class CouponRow implements Row<Coupon> {
  readonly root = make("li", { class: "extra coupon" });
  private readonly text = make("p", { class: "extra-title" });
  private readonly until = make("p", { class: "coupon-until" });
  private readonly code = make("button", { type: "button", class: "coupon-code" });
  private copied: number | undefined;

  constructor() {
    this.root.append(make("div", {}, make("p", { class: "extra-label" }, "Coupon"), this.text, this.until), this.code);
    this.code.addEventListener("click", () => void this.copy());
  }

  update({ code, text, expires_at: expires }: Coupon): void {
    setText(this.text, text);
    if (this.copied === undefined) setText(this.code, code);
    this.code.dataset["code"] = code;
    this.code.title = `Copy ${code}`;
    this.until.hidden = expires === undefined;
    if (expires) setText(this.until, `until ${new Date(expires).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" })}`);
  }

  private async copy(): Promise<void> {
    const code = this.code.dataset["code"] ?? "";
    try {
      await navigator.clipboard.writeText(code);
    } catch {
      // Not allowed here (no HTTPS, say): the code stays to be read.
      return;
    }
    this.code.textContent = "Copied";
    window.clearTimeout(this.copied);
    this.copied = window.setTimeout(() => {
      this.copied = undefined;
      this.code.textContent = code;
    }, 1500);
  }
}

class ProductTile implements Row<Product> {
  readonly root = make("li", { class: "tile" });
  private readonly link = make("a", { target: "_blank", rel: "noopener noreferrer" });
  private readonly image = make("img", { alt: "" });
  private readonly name = make("span", { class: "tile-name" });
  private readonly price = make("span", { class: "tile-price" });
  private readonly before = make("s", { class: "tile-before" });
  private readonly stock = make("span", { class: "tile-stock" });

  constructor() {
    this.image.addEventListener("error", () => (this.image.hidden = true));
    const prices = make("span", { class: "tile-prices" }, this.price, this.before);
    this.link.append(make("span", { class: "tile-picture" }, this.image), this.name, prices, this.stock);
    this.root.append(this.link);
  }

  update(product: Product): void {
    if (product.url) this.link.href = product.url;
    else this.link.removeAttribute("href");
    if ((this.image.getAttribute("src") ?? undefined) !== product.image) {
      this.image.hidden = product.image === undefined;
      if (product.image) this.image.src = product.image;
    }
    setText(this.name, product.name);
    setText(this.price, formatPrice(product.price));
    this.before.hidden = product.compare_at === undefined;
    setText(this.before, product.compare_at ? formatPrice(product.compare_at) : "");
    const stock = formatStock(product);
    this.stock.hidden = stock === null || stock.level === "ok";
    setText(this.stock, stock?.text ?? "");
    this.stock.dataset["level"] = stock?.level ?? "";
  }
}

class PinRow implements Row<Message> {
  readonly root = make("li", { class: "pin" });
  private readonly author = make("b");
  private readonly text = make("span");

  constructor() {
    this.root.append(this.author, this.text);
  }

  update({ author, text }: Message): void {
    this.author.hidden = author === undefined;
    setText(this.author, author ?? "");
    setText(this.text, text);
  }
}
