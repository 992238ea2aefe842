// From timed metadata to the show's messages: a cue of the player's hidden metadata track → `Message`, at most once each.
//
//   emsg (ID3 TXXX "vitrine") ─ player ─► metadata cue ─ CueReader ─► Message at a media time ─► Show

import { count, isRecord, readChange, readProduct, text } from "./product.ts";
import type { Product, ProductChange } from "./product.ts";
import type { Shelf } from "./shelf.ts";

/** One thing that the merchandiser did, at its media time. */
export type ShowEvent = {
  readonly kind: "event";
  /** One id in every rendition and repeat. */
  readonly id: string;
  readonly seq: number;
  readonly late: boolean;
} & ShelfEvent;

/** What an event does to the products on air. */
export type ShelfEvent =
  | { readonly type: "product.show"; readonly product: Product; readonly featured: boolean; readonly replace: boolean }
  | { readonly type: "product.update"; readonly product: ProductChange }
  | { readonly type: "product.hide" | "product.feature"; readonly product: { readonly id: string } }
  | { readonly type: "product.reorder"; readonly order: readonly string[] }
  | { readonly type: "show.clear" }
  /** Nothing: polls, drops and others, which the card does not show. */
  | { readonly type: "other"; readonly name: string };

/** The state in force, repeated at each segment's start for those who join there. */
export interface ShowState {
  readonly kind: "state";
  /** The last event that the state contains. */
  readonly seq: number;
  readonly shelf: Shelf;
}

export type Message = ShowEvent | ShowState;

/** The TXXX description that marks our messages among other ID3 frames. */
const DESCRIPTION = "vitrine";
const MAX_JSON = 16 * 1024;

/** A message from the JSON of a cue; null for anything malformed, of another version, or of a type unknown to us. */
export function parseMessage(json: string): Message | null {
  if (json.length > MAX_JSON) return null;
  let value: unknown;
  try {
    // Players differ in whether they keep the terminating NUL of an ID3 string.
    value = JSON.parse(json.replace(/\0+$/, ""));
  } catch {
    return null;
  }
  if (!isRecord(value) || value["v"] !== 2) return null;
  const seq = count(value["seq"]);
  if (seq === null) return null;
  if (value["kind"] === "state") return parseState(value, seq);
  if (value["kind"] === "event") return parseEvent(value, seq);
  return null;
}

function parseState(value: Record<string, unknown>, seq: number): ShowState | null {
  if (!Array.isArray(value["products"])) return null;
  const products = value["products"].map(readProduct).filter((product) => product !== null);
  return { kind: "state", seq, shelf: { products, featured: text(value["featured"]) } };
}

function parseEvent(value: Record<string, unknown>, seq: number): ShowEvent | null {
  const id = text(value["id"]);
  const effect = parseEffect(value);
  return id === null || effect === null ? null : { kind: "event", id, seq, late: value["late"] === true, ...effect };
}

function parseEffect(value: Record<string, unknown>): ShelfEvent | null {
  const type = text(value["type"]);
  switch (type) {
    case "product.show": {
      const product = readProduct(value["product"]);
      return product && { type, product, featured: value["featured"] !== false, replace: value["replace"] === true };
    }
    case "product.update": {
      const product = readChange(value["product"]);
      return product && { type, product };
    }
    case "product.hide":
    case "product.feature": {
      const product = readChange(value["product"]);
      return product && { type, product: { id: product.id } };
    }
    case "product.reorder": {
      const order = value["order"];
      return Array.isArray(order) ? { type, order: order.filter((id) => typeof id === "string") } : null;
    }
    case "show.clear":
      return { type };
    default:
      return type === null ? null : { type: "other", name: type };
  }
}

/** The part of a metadata cue that is read. hls.js and Safari both put the ID3 frame into `value`. */
export interface MetadataCue {
  readonly startTime: number;
  readonly value?: unknown;
}

/** The message in a cue, or null when the cue is not ours. */
export function readCue(cue: MetadataCue): Message | null {
  const frame = cue.value;
  if (!isRecord(frame) || frame["key"] !== "TXXX" || frame["info"] !== DESCRIPTION) return null;
  const data = frame["data"];
  return typeof data === "string" ? parseMessage(data) : null;
}

/**
 * Reads a track's cues, each cue object once. Players add cues ahead of the playhead and drop them with the buffer, and
 * give no event for either: `collect` is called whenever media was parsed, and is cheap when nothing is new.
 */
export class CueReader {
  private seen = new WeakSet<object>();

  constructor(private readonly onMessage: (message: Message, cueTime: number) => void) {}

  collect(cues: ArrayLike<MetadataCue> | null | undefined): void {
    if (!cues) return;
    for (let index = 0; index < cues.length; index++) {
      const cue = cues[index];
      if (!cue || this.seen.has(cue)) continue;
      this.seen.add(cue);
      const message = readCue(cue);
      if (message && Number.isFinite(cue.startTime)) this.onMessage(message, cue.startTime);
    }
  }
}
