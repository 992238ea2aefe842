// The merchandiser's page: /studio/{channel}.
//
//   token ─► Desk ─┬─ state, timeline ─► lists of the page
//   clicks, keys ──┘                     the watch page in a frame: what viewers see

import "../style/page.css";
import "../style/studio.css";
import type { Product, ShowEvent } from "@vitrine/player";
import { Api, Problem } from "./api.ts";
import { fromWords, isFault, parseCatalogue } from "./catalogue.ts";
import { Desk } from "./desk.ts";
import { Rows, element, make, setText } from "../dom.ts";
import { clearFaults, markFault } from "./fields.ts";
import { readHealth } from "./health.ts";
import { OnAirRow, RecordRow, onAir } from "./onair.ts";
import type { OnAir } from "./onair.ts";
import { ProductRow, entries, toggle } from "./products.ts";
import type { Entry } from "./products.ts";
import { atOf, dateOf } from "./schedule.ts";
import type { At, Choice, EventRecord } from "./schedule.ts";
import { CatalogueStore, TokenStore } from "./stores.ts";
import { eventOf, freshId, wordsOf } from "./tools.ts";

const HEALTH_MS = 2000;
const SHOWN_PAST = 40;
const TOAST_MS = 6000;
const TOOLS = ["drop", "poll", "message", "coupon"];

const channel = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");

class Studio {
  private readonly desk: Desk;
  private readonly store = new CatalogueStore(channel);
  private catalogue: readonly Product[] = this.store.load();
  private trouble = "";
  private readonly toast = element("#toast");
  private readonly search = element<HTMLInputElement>("#search");
  private readonly whenBar = element(".when");
  private readonly undoButton = element<HTMLButtonElement>("#undo");
  private toastTimer: number | undefined;

  private readonly products = new Rows<Entry>(element("#catalogue"), ({ product }) => product.id, (entry) =>
    new ProductRow(entry, {
      act: (events, label, form) => this.act(events, label, form),
      edit: (product) => this.keep(this.catalogue.map((one) => (one.id === product.id ? product : one)), `${product.name} is changed in the catalogue`),
      fault: (form, field, problem) => this.fault(form, field, problem),
    }));
  private readonly airing = new Rows<OnAir>(element("#on-air"), ({ key }) => key, () =>
    new OnAirRow((event, label, form) => void this.act([event], label, form)));
  private readonly waiting = this.records("#scheduled");
  private readonly past = this.records("#past");

  constructor(api: Api) {
    this.desk = new Desk(api, () => this.render(), (problem) => {
      this.trouble = problem?.message ?? "";
      this.render();
    });
    this.listen();
    this.render();
    void this.desk.follow();
    void this.watchHealth();
    // Countdowns go on by themselves.
    window.setInterval(() => this.airing.render(onAir(this.desk.state, Date.now())), 1000);
  }

  private records(list: string): Rows<EventRecord> {
    return new Rows<EventRecord>(element(list), ({ id }) => id, (record) =>
      new RecordRow(record, {
        cancel: (id) => void this.attempt(this.whenBar, () => this.desk.cancel(id), "Cancelled"),
        move: (id, time, row) => this.move(id, time, row),
        name: (id) => this.name(id),
      }));
  }

  private listen(): void {
    this.undoButton.addEventListener("click", () => void this.undo());
    this.search.addEventListener("input", () => this.render());
    element<HTMLInputElement>("#file").addEventListener("change", (event) => void this.loadFile(event.target as HTMLInputElement));
    element("#type").addEventListener("click", () => this.toggleTyping());
    for (const radio of document.querySelectorAll<HTMLInputElement>("[name=when]")) {
      radio.addEventListener("change", () => this.renderWhen());
    }
    this.onSubmit("#product-form", (form) => this.addTyped(form));
    for (const tool of TOOLS) this.onSubmit(`#tab-${tool}`, (form) => void this.useTool(tool, form));
    for (const tab of document.querySelectorAll<HTMLElement>("[role=tab]")) {
      tab.addEventListener("click", () => this.openTab(tab));
      tab.addEventListener("keydown", (event) => this.onTabKey(tab, event));
    }
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  private onSubmit(form: string, run: (form: HTMLFormElement) => void): void {
    const found = element<HTMLFormElement>(form);
    found.addEventListener("submit", (event) => {
      event.preventDefault();
      clearFaults(found);
      run(found);
    });
  }

  // What is done

  /** Puts events on air when the bar says so. Whether they were taken. */
  private async act(events: readonly ShowEvent[], label: string, form: HTMLElement): Promise<void> {
    await this.put(events, label, form);
  }

  private async put(events: readonly ShowEvent[], label: string, form: HTMLElement): Promise<boolean> {
    clearFaults(this.whenBar);
    const at = atOf(this.when(), Date.now());
    if (at === null) {
      markFault(this.whenBar, "at", "when?");
      return false;
    }
    return this.attempt(form, () => this.desk.act(events, label, at), at ? `${label}: scheduled` : label);
  }

  private async undo(): Promise<void> {
    this.undoButton.disabled = true;
    let undone: string | null = null;
    await this.attempt(this.whenBar, async () => void (undone = await this.desk.undo()), "");
    if (undone !== null) this.say(`Undone: ${undone}`);
    this.render();
  }

  private move(id: string, time: string, row: HTMLElement): void {
    clearFaults(row);
    const date = dateOf(time, Date.now());
    if (!date) return void markFault(row, "at.pdt", "a time such as 20:15:00");
    const at: At = { pdt: date.toISOString() };
    void this.attempt(row, () => this.desk.move(id, at), "Moved");
  }

  private async useTool(tool: string, form: HTMLFormElement): Promise<void> {
    const event = eventOf(tool, wordsOf(form), freshId(tool), Date.now());
    if ("problem" in event) return this.fault(form, event.field, event.problem);
    const label = element(`#for-${tool}`).textContent ?? tool;
    if (await this.put([event], label, form)) form.reset();
  }

  private addTyped(form: HTMLFormElement): void {
    const product = fromWords(wordsOf(form));
    if (isFault(product)) return this.fault(form, product.field, product.problem);
    const others = this.catalogue.filter(({ id }) => id !== product.id);
    this.keep([...others, product], `${product.name} is in the catalogue`);
    form.reset();
    this.toggleTyping();
  }

  private async loadFile(input: HTMLInputElement): Promise<void> {
    const file = input.files?.[0];
    if (!file) return;
    const { products, faults } = parseCatalogue(await file.text());
    // The same file can be chosen again when it is corrected.
    input.value = "";
    const shown = faults.slice(0, 5).map((fault) => make("li", {}, fault));
    if (faults.length > 5) shown.push(make("li", {}, `and ${faults.length - 5} more`));
    element("#faults").replaceChildren(...(shown.length ? [make("ul", { class: "faults" }, ...shown)] : []));
    if (products.length) this.keep(products, `${products.length} products loaded`);
  }

  private keep(products: readonly Product[], said: string): void {
    this.catalogue = products;
    this.store.save(products);
    this.say(said);
    this.render();
  }

  /** Does it; what goes wrong is told at the field that is wrong, or else below. Whether it was done. */
  private async attempt(form: HTMLElement, run: () => Promise<void>, said: string): Promise<boolean> {
    clearFaults(form);
    try {
      await run();
      if (said) this.say(said);
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401) signOut(error.message);
      else this.fault(form, error.field, error.message);
      return false;
    }
  }

  private fault(form: HTMLElement, field: string, problem: string): void {
    clearFaults(form);
    const home = field.startsWith("at") ? this.whenBar : form;
    if (!markFault(home, field, problem)) this.say(problem, true);
  }

  private say(text: string, isFault = false): void {
    setText(this.toast, text);
    this.toast.dataset["kind"] = isFault ? "fault" : "done";
    window.clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => setText(this.toast, ""), TOAST_MS);
  }

  // What is shown

  private render(): void {
    const { state, timeline, undoable } = this.desk;
    this.products.render(this.entries());
    this.airing.render(onAir(state, Date.now()));
    this.waiting.render(timeline.scheduled());
    this.past.render(timeline.past().slice(0, SHOWN_PAST));
    this.undoButton.disabled = undoable === null;
    this.undoButton.setAttribute("aria-label", undoable === null ? "Undo" : `Undo: ${undoable}`);
    this.undoButton.title = undoable ?? "";
    element("#no-products").hidden = this.entries().length > 0;
    this.renderDropProducts();
    setText(element("#trouble"), this.trouble);
  }

  private entries(): Entry[] {
    return entries(this.catalogue, this.desk.state, this.search.value);
  }

  private renderDropProducts(): void {
    const select = element<HTMLSelectElement>("#tab-drop select");
    const options = ["", ...this.desk.state.products.map(({ id }) => id)];
    if (options.join() === [...select.options].map(({ value }) => value).join()) return;
    const chosen = select.value;
    select.replaceChildren(...options.map((id) => make("option", { value: id }, id === "" ? "none" : this.name(id))));
    select.value = options.includes(chosen) ? chosen : "";
  }

  private name(id: string): string {
    const known = this.desk.state.products.find((product) => product.id === id) ?? this.catalogue.find((product) => product.id === id);
    return known?.name ?? id;
  }

  private when(): Choice {
    const kind = element<HTMLInputElement>("[name=when]:checked").value;
    if (kind === "in") return { kind, seconds: element<HTMLInputElement>("#seconds").value };
    if (kind === "at") return { kind, time: element<HTMLInputElement>("#clock").value };
    return { kind: "now" };
  }

  private choose(kind: Choice["kind"]): void {
    element<HTMLInputElement>(`[name=when][value=${kind}]`).checked = true;
    this.renderWhen();
  }

  private renderWhen(): void {
    clearFaults(this.whenBar);
    const { kind } = this.when();
    element("#when-in").hidden = kind !== "in";
    element("#when-at").hidden = kind !== "at";
    this.whenBar.dataset["when"] = kind;
  }

  private toggleTyping(): void {
    const form = element("#product-form");
    form.hidden = !form.hidden;
    element("#type").setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) form.querySelector("input")?.focus();
  }

  private openTab(tab: HTMLElement): void {
    for (const other of document.querySelectorAll<HTMLElement>("[role=tab]")) {
      const open = other === tab;
      other.setAttribute("aria-selected", String(open));
      other.tabIndex = open ? 0 : -1;
      element(`#tab-${other.dataset["tab"]}`).hidden = !open;
    }
  }

  private onTabKey(tab: HTMLElement, event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: TOOLS.length - 1 }[event.key];
    if (!step) return;
    const next = TOOLS[(TOOLS.indexOf(tab.dataset["tab"] ?? "") + step) % TOOLS.length]!;
    const other = element(`#for-${next}`);
    this.openTab(other);
    other.focus();
  }

  private onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.altKey || event.isComposing) return;
    const typing = target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && target.type !== "radio");
    if (typing) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const action = this.keyAction(event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  private keyAction(event: KeyboardEvent): (() => void) | null {
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) return key === "z" ? () => void this.undo() : null;
    if (/^[1-9]$/.test(key)) {
      const entry = this.entries()[Number(key) - 1];
      if (!entry) return null;
      const { event: done, label } = toggle(entry);
      return () => void this.act([done], label, this.whenBar);
    }
    switch (key) {
      case "u":
        return () => void this.undo();
      case "n":
        return () => this.choose("now");
      case "s":
        return () => {
          this.choose("in");
          element<HTMLInputElement>("#seconds").select();
        };
      case "/":
        return () => this.search.focus();
      default:
        return null;
    }
  }

  private async watchHealth(): Promise<void> {
    const answer = await fetch(`/v1/channels/${encodeURIComponent(channel)}`, { cache: "no-store" }).catch(() => null);
    const health = readHealth(answer?.ok ? await answer.json().catch(() => null) : null);
    const phase = element("#phase");
    phase.dataset["phase"] = health.phase;
    setText(phase, health.phase);
    setText(element("#viewers"), health.viewers === null ? "–" : String(health.viewers));
    const figures = health.figures.map(([name, figure]) => make("div", {}, make("dt", {}, name), make("dd", {}, figure)));
    element("#health").replaceChildren(...figures);
    const advice = element("#advice");
    if (advice.textContent !== health.advice.join("")) advice.replaceChildren(...health.advice.map((line) => make("li", {}, line)));
    window.setTimeout(() => void this.watchHealth(), HEALTH_MS);
  }
}

// The gate

const tokens = new TokenStore(channel);

function signOut(why = ""): void {
  tokens.forget();
  if (why) tokens.leaveWord(why);
  // Nothing of the desk stays behind.
  location.reload();
}

async function enter(token: string, isNew: boolean): Promise<void> {
  const form = element("#sign-in");
  const api = new Api(channel, token);
  clearFaults(form);
  try {
    await api.check();
  } catch (error) {
    if (!isNew && error instanceof Problem && error.status === 0) return void window.setTimeout(() => void enter(token, isNew), 2000);
    tokens.forget();
    markFault(form, "token", error instanceof Error ? error.message : String(error));
    return;
  }
  tokens.keep(token);
  element<HTMLInputElement>("#token").value = "";
  document.body.dataset["signed"] = "in";
  element<HTMLIFrameElement>("#preview").src = `/watch/${encodeURIComponent(channel)}`;
  new Studio(api);
}

function open(): void {
  const title = channel.replace(/[-_]+/g, " ").replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase());
  element(".channel").textContent = title;
  document.title = `${title} · Vitrine studio`;
  const form = element<HTMLFormElement>("#sign-in");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const token = element<HTMLInputElement>("#token").value.trim();
    if (token) void enter(token, true);
    else markFault(form, "token", "the channel’s token");
  });
  element("#sign-out").addEventListener("click", () => signOut());
  const known = tokens.load();
  if (known) return void enter(known, false);
  const word = tokens.takeWord();
  if (word) markFault(form, "token", word);
  else element("#token").focus();
}

open();
