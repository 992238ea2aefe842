// What is on air, each with the click that ends it; and the timeline of what waits and what was.

import type { Poll, ShowEvent, ShowState } from "@vitrine/player";
import { describeEvent } from "./describe.ts";
import { button, make, setText } from "../dom.ts";
import type { Row } from "../dom.ts";
import type { EventRecord } from "./schedule.ts";

/** Something that is on air. */
export interface OnAir {
  readonly key: string;
  readonly kind: string;
  readonly text: string;
  readonly ends: readonly { readonly word: string; readonly event: ShowEvent }[];
}

/** Everything on air, in words. */
export function onAir(state: ShowState, nowMs: number): OnAir[] {
  const products = state.products.map(({ id, name }) => ({
    key: `product ${id}`, kind: id === state.featured ? "Spotlight" : "Product", text: name,
    ends: [{ word: "Hide", event: { type: "product.hide", product: { id } } as ShowEvent }],
  }));
  const drops = state.drops.map(({ id, title, opens_at }) => ({
    key: `drop ${id}`, kind: "Countdown", text: `${title} · ${left(Date.parse(opens_at) - nowMs)}`,
    ends: [{ word: "End", event: { type: "drop.withdraw", drop: { id } } as ShowEvent }],
  }));
  const polls = state.polls.map((poll) => ({ key: `poll ${poll.id}`, kind: poll.closed ? "Result" : "Poll", text: pollText(poll), ends: pollEnds(poll) }));
  const messages = state.messages.map(({ id, text }) => ({
    key: `message ${id}`, kind: "Pinned", text,
    ends: [{ word: "Unpin", event: { type: "message.unpin", message: { id } } as ShowEvent }],
  }));
  const coupons = state.coupons.map(({ code, text }) => ({
    key: `coupon ${code}`, kind: "Coupon", text: `${code}: ${text}`,
    ends: [{ word: "Withdraw", event: { type: "coupon.withdraw", coupon: { code } } as ShowEvent }],
  }));
  return [...products, ...drops, ...polls, ...messages, ...coupons];
}

function pollText({ question, options, votes }: Poll): string {
  const counts = options.map(({ text }, index) => `${text} ${votes[index] ?? 0}`);
  return `${question} · ${counts.join(", ")}`;
}

function pollEnds({ id, closed }: Poll): OnAir["ends"] {
  const remove = { word: "Remove", event: { type: "poll.remove", poll: { id } } as ShowEvent };
  return closed ? [remove] : [{ word: "Close", event: { type: "poll.close", poll: { id } } as ShowEvent }, remove];
}

/** Time left, as `4:07`. */
export function left(ms: number): string {
  if (ms <= 0) return "open";
  const seconds = Math.ceil(ms / 1000);
  return `opens in ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export class OnAirRow implements Row<OnAir> {
  readonly root = make("li", { class: "air" });
  private readonly kind = make("span", { class: "air-kind" });
  private readonly text = make("span", { class: "air-text" });
  private readonly buttons = make("span", { class: "air-buttons" });
  private words = "";

  constructor(private readonly end: (event: ShowEvent, label: string, form: HTMLElement) => void) {
    this.root.append(this.kind, this.text, this.buttons);
  }

  update({ kind, text, ends, key }: OnAir): void {
    setText(this.kind, kind);
    setText(this.text, text);
    const words = ends.map(({ word }) => word).join();
    if (words === this.words) return;
    this.words = words;
    const name = key.split(" ")[0]!;
    this.buttons.replaceChildren(...ends.map(({ word, event }) =>
      button(word, `${word}: ${text}`, () => this.end(event, `${word} ${name}`, this.root))));
  }
}

export interface ScheduleActions {
  cancel(id: string): void;
  move(id: string, time: string, row: HTMLElement): void;
  name(id: string): string;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** An event of the timeline; one that waits can be moved and cancelled. */
export class RecordRow implements Row<EventRecord> {
  readonly root = make("li", { class: "record" });
  private readonly time = make("time", {});
  private readonly text = make("span", { class: "record-text" });
  private readonly note = make("span", { class: "record-note soft" });
  private readonly field = make("input", { type: "time", step: "1", "data-field": "at.pdt" });

  constructor(
    record: EventRecord,
    private readonly actions: ScheduleActions,
  ) {
    this.root.append(this.time, this.text, this.note);
    if (record.status === "scheduled") this.addControls(record);
  }

  update(record: EventRecord): void {
    const words = describeEvent(record.event, this.actions.name);
    const time = clock.format(record.at);
    if (this.time.textContent !== time) this.field.value = time;
    setText(this.time, time);
    setText(this.text, words);
    setText(this.note, [STATUS[record.status], record.late && "late", record.withoutEffect && "without effect"].filter((word) => word).join(", "));
    this.root.dataset["status"] = record.status;
  }

  private addControls({ id, event }: EventRecord): void {
    const what = describeEvent(event, this.actions.name);
    this.field.setAttribute("aria-label", `Time of: ${what}`);
    const form = make("form", { class: "record-form", novalidate: "" }, this.field, make("button", { type: "submit", class: "small", "aria-label": `Move: ${what}` }, "Move"));
    form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      this.actions.move(id, this.field.value, form);
    });
    form.append(button("Cancel", `Cancel: ${what}`, () => this.actions.cancel(id)));
    this.root.append(form);
  }
}

const STATUS: Readonly<Record<EventRecord["status"], string>> = { scheduled: "", on_air: "", cancelled: "cancelled", missed: "missed" };
