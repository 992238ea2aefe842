// What the library needs of a player, whichever it is.

import type { ShowMessage } from "./message.ts";

export interface SourceListener {
  message(message: ShowMessage, time: number): void;
  /** Other media was loaded: its media time is another one. */
  reset(): void;
}

export interface Source {
  readonly video: HTMLVideoElement;
  /** When the media at that time of the element was captured, by PDT: milliseconds since 1970; null when not known. */
  programDate(time: number): number | null;
  detach(): void;
}

/** Listens, and gives what stops listening. */
export function listen(target: EventTarget, name: string, listener: (event: Event) => void): () => void {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}
