// The forms of what else goes on air: a countdown, a poll, a pinned message, a coupon.

import type { ShowEvent } from "@vitrine/player";
import type { Fault } from "./catalogue.ts";

type Words = Readonly<Record<string, string>>;

/** An id of ours: unlike any other of the show. */
export function freshId(kind: string): string {
  return `${kind}-${Array.from(crypto.getRandomValues(new Uint32Array(2)), (word) => word.toString(36)).join("")}`;
}

/** The event that a tool's form describes, or what is wrong with it. Limits of length are the origin's to tell. */
export function eventOf(tool: string, words: Words, id: string, nowMs: number): ShowEvent | Fault {
  const word = (name: string) => words[name]?.trim() ?? "";
  const needed = (field: string, problem: string): Fault => ({ field, problem });
  switch (tool) {
    case "drop": {
      const minutes = Number(word("minutes").replace(",", "."));
      if (!word("title")) return needed("drop.title", "what opens?");
      if (word("minutes") === "" || !(minutes > 0 && minutes <= 20_160)) return needed("drop.opens_at", "minutes from now, such as 5");
      const opens_at = new Date(Math.round((nowMs + minutes * 60_000) / 1000) * 1000).toISOString();
      return { type: "drop.announce", drop: { id, title: word("title"), opens_at, ...given("product", word("product")) } };
    }
    case "poll": {
      const options = word("options").split("\n").map((text) => text.trim()).filter((text) => text);
      if (!word("question")) return needed("poll.question", "what is asked?");
      if (options.length < 2 || options.length > 10) return needed("poll.options", "2 to 10 answers, one a line");
      return { type: "poll.open", poll: { id, question: word("question"), options: options.map((text, index) => ({ id: `o${index + 1}`, text })) } };
    }
    case "message":
      if (!word("text")) return needed("message.text", "what is to be read?");
      return { type: "message.pin", message: { id, text: word("text"), ...given("author", word("author")) } };
    default: {
      const percent = word("percent_off");
      if (!word("code")) return needed("coupon.code", "the code that buyers enter");
      if (!word("text")) return needed("coupon.text", "what does it give?");
      if (percent !== "" && !/^\d{1,3}$/.test(percent)) return needed("coupon.percent_off", "a whole number");
      const coupon = { code: word("code"), text: word("text"), ...(percent === "" ? {} : { percent_off: Number(percent) }) };
      return { type: "coupon.offer", coupon };
    }
  }
}

function given<K extends string>(name: K, value: string): { [key in K]?: string } {
  return (value === "" ? {} : { [name]: value }) as { [key in K]?: string };
}

/** A form's fields by their names. */
export function wordsOf(form: HTMLFormElement): Record<string, string> {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
}
