// The one notice that tells a viewer why there is no moving picture, and what will happen next.

import type { ChannelStatus } from "./status.ts";

export interface Notice {
  readonly kind: "loading" | "waiting" | "away" | "ended" | "unknown" | "network" | "unsupported";
  readonly title: string;
  readonly text: string;
}

export interface Circumstances {
  /** Null before the first answer. */
  readonly status: ChannelStatus["status"] | null;
  /** The origin does not answer, or media does not arrive. */
  readonly trouble: boolean;
  /** The browser can play HLS at all. */
  readonly supported: boolean;
  /** The picture has moved within the last second or two, or the viewer paused it. */
  readonly moving: boolean;
  /** The first frame of this session has been shown. */
  readonly started: boolean;
}

/** The notice for the circumstances; null while the show plays. */
export function chooseNotice({ status, trouble, supported, moving, started }: Circumstances): Notice | null {
  if (status === "unknown") {
    return { kind: "unknown", title: "There is no such channel", text: "Check the address: the link may be old or mistyped." };
  }
  if (!supported) {
    return {
      kind: "unsupported",
      title: "This browser cannot play the show",
      text: "Please open the page in a current version of Chrome, Edge, Firefox or Safari.",
    };
  }
  if (moving) return null;
  if (trouble) {
    return { kind: "network", title: "Trouble with the connection", text: "Trying again. The show goes on as soon as it is reached." };
  }
  switch (status) {
    case null:
      return { kind: "loading", title: "Loading", text: "" };
    case "idle":
      return started
        ? { kind: "ended", title: "The show has ended", text: "Thank you for watching." }
        : { kind: "waiting", title: "Not live yet", text: "Stay here: the show begins by itself when the host goes live." };
    case "starting":
      return { kind: "waiting", title: "Starting in a moment", text: "The host is connected. The picture follows." };
    case "live":
      return { kind: "loading", title: started ? "Catching up" : "Joining the show", text: "" };
    case "away":
      return { kind: "away", title: "Back in a moment", text: "The host’s stream was interrupted. The show goes on by itself." };
    case "ended":
      return { kind: "ended", title: "The show has ended", text: "Thank you for watching." };
  }
}

/** Shows notices over the video. Its region is polite: a screen reader says a new notice when it has time. */
export class NoticeView {
  private shown: string | null = null;

  constructor(private readonly root: HTMLElement) {}

  show(notice: Notice | null): void {
    const key = notice && `${notice.kind}|${notice.title}`;
    if (key === this.shown) return;
    this.shown = key;
    this.root.dataset["kind"] = notice?.kind ?? "none";
    if (!notice) return;
    setText(this.root, ".notice-title", notice.title);
    setText(this.root, ".notice-text", notice.text);
    const use = this.root.querySelector("use");
    use?.setAttribute("href", `#icon-${notice.kind}`);
  }
}

function setText(root: HTMLElement, selector: string, text: string): void {
  const element = root.querySelector<HTMLElement>(selector);
  if (!element) return;
  element.textContent = text;
  element.hidden = text === "";
}
