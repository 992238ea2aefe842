// The small live figure: how far behind the host the viewer is, how often playback stalled, and which rendition plays.

export interface Figures {
  readonly latency: number | null;
  readonly target: number | null;
  readonly stalls: number;
  readonly level: string;
  readonly dropped: number;
  readonly rate: number;
}

/** Counts the times that playback ran dry: after the first frame, not while the viewer seeks or has paused. */
export class StallCounter {
  count = 0;
  private started = false;

  constructor(video: HTMLVideoElement) {
    video.addEventListener("playing", () => (this.started = true));
    video.addEventListener("emptied", () => (this.started = false));
    video.addEventListener("waiting", () => {
      if (this.started && !video.seeking && !video.paused && !video.ended) this.count += 1;
    });
  }
}

export class StatsView {
  constructor(
    private readonly button: HTMLButtonElement,
    private readonly panel: HTMLElement,
  ) {
    button.addEventListener("click", () => this.toggle());
  }

  toggle(): void {
    const open = this.panel.hidden;
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  render(figures: Figures): void {
    this.button.querySelector(".figure-latency")!.textContent = seconds(figures.latency);
    if (this.panel.hidden) return;
    const values: Record<string, string> = {
      latency: seconds(figures.latency),
      target: seconds(figures.target),
      stalls: String(figures.stalls),
      level: figures.level || "–",
      dropped: String(figures.dropped),
      rate: `${figures.rate.toFixed(2)}×`,
    };
    for (const element of this.panel.querySelectorAll<HTMLElement>("[data-figure]")) {
      const value = values[element.dataset["figure"] ?? ""] ?? "";
      if (element.textContent !== value) element.textContent = value;
    }
  }
}

function seconds(value: number | null): string {
  return value === null ? "–" : `${value.toFixed(1)} s`;
}
