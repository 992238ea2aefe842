// What to do after a fatal playback error. The page never gives up: a live show that comes back must come back by itself.

export type Remedy =
  | { readonly kind: "resume"; readonly delayMs: number }
  | { readonly kind: "recover-media"; readonly delayMs: 0 }
  | { readonly kind: "reload"; readonly delayMs: number };

const MAX_DELAY_MS = 8000;

/** Chooses the mildest remedy that has not failed yet; `healthy` is called when media arrives again. */
export class Recovery {
  private network = 0;
  private media = 0;

  next(cause: "network" | "media" | "other"): Remedy {
    if (cause === "media" && this.media < 2) {
      this.media += 1;
      return { kind: "recover-media", delayMs: 0 };
    }
    this.network += 1;
    const delayMs = Math.min(MAX_DELAY_MS, 500 * 2 ** (this.network - 1));
    return cause === "network" && this.network <= 2 ? { kind: "resume", delayMs } : { kind: "reload", delayMs };
  }

  healthy(): void {
    this.network = 0;
    this.media = 0;
  }
}
