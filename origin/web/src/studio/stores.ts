// What the page keeps: the token in this tab only, the catalogue in this browser. Either may be refused; then nothing is kept.

import type { Product } from "@vitrine/player";
import { checked, isFault } from "./catalogue.ts";

export class TokenStore {
  private readonly key: string;
  private readonly wordKey: string;

  constructor(channel: string) {
    this.key = `vitrine.token.${channel}`;
    this.wordKey = `vitrine.word.${channel}`;
  }

  load(): string | null {
    return attempt(() => sessionStorage.getItem(this.key));
  }

  keep(token: string): void {
    attempt(() => sessionStorage.setItem(this.key, token));
  }

  forget(): void {
    attempt(() => sessionStorage.removeItem(this.key));
  }

  /** Why the token was forgotten, for the page that comes after this one. */
  leaveWord(word: string): void {
    attempt(() => sessionStorage.setItem(this.wordKey, word));
  }

  takeWord(): string | null {
    const word = attempt(() => sessionStorage.getItem(this.wordKey));
    attempt(() => sessionStorage.removeItem(this.wordKey));
    return word;
  }
}

export class CatalogueStore {
  private readonly key: string;

  constructor(channel: string) {
    this.key = `vitrine.catalogue.${channel}`;
  }

  load(): Product[] {
    const kept: unknown = attempt(() => JSON.parse(localStorage.getItem(this.key) ?? "[]"));
    return Array.isArray(kept) ? kept.map(checked).filter((entry): entry is Product => !isFault(entry)) : [];
  }

  save(products: readonly Product[]): void {
    attempt(() => localStorage.setItem(this.key, JSON.stringify(products)));
  }
}

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch {
    return null;
  }
}
