// The control bar and the keyboard. Whether the viewer follows live (and so is kept at the live edge) is decided here:
// pausing or going back leaves live, "Go live" returns to it.

export interface ControlsActions {
  /** Where live is in media time; null when not playing live. */
  livePosition(): number | null;
  toggleStats(): void;
}

const HIDE_MS = 2800;
const STEP_SECONDS = 5;

export class Controls {
  /** Whether playback is to be held at the live edge. */
  following = true;
  private hideTimer: number | undefined;

  constructor(
    private readonly stage: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly actions: ControlsActions,
  ) {
    this.on("play", () => this.togglePlay());
    this.on("mute", () => this.toggleMute());
    this.on("sound", () => this.toggleMute());
    this.on("live", () => this.goLive());
    this.on("fullscreen", () => void this.toggleFullscreen());
    this.on("start", () => void this.start());
    this.volumeSlider().addEventListener("input", (event) => this.setVolume(event.target as HTMLInputElement));
    document.addEventListener("keydown", (event) => this.onKey(event));
    document.addEventListener("fullscreenchange", () => this.render());
    for (const name of ["play", "pause", "volumechange", "playing"]) video.addEventListener(name, () => this.render());
    for (const name of ["pointermove", "pointerdown", "focusin"]) stage.addEventListener(name, () => this.reveal());
    video.addEventListener("click", () => this.onPictureClick());
    video.addEventListener("dblclick", () => void this.toggleFullscreen());
    this.render();
    this.reveal();
  }

  /** Plays, muted at first: browsers let nothing else begin by itself. Where even that is refused, a button appears. */
  async start(): Promise<void> {
    try {
      await this.video.play();
      this.stage.dataset["blocked"] = "false";
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.stage.dataset["blocked"] = "true";
    }
  }

  goLive(): void {
    const live = this.actions.livePosition();
    if (live !== null) this.video.currentTime = live;
    this.following = true;
    if (this.video.paused) void this.start();
    this.render();
  }

  private togglePlay(): void {
    if (this.video.paused) {
      void this.start();
    } else {
      this.video.pause();
      this.following = false;
    }
    this.render();
  }

  private toggleMute(): void {
    this.video.muted = !this.video.muted;
    if (!this.video.muted && this.video.volume === 0) this.video.volume = 0.6;
    if (!this.video.muted && this.video.paused && this.following) void this.start();
  }

  private setVolume(slider: HTMLInputElement): void {
    this.video.volume = Number(slider.value);
    this.video.muted = this.video.volume === 0;
  }

  private step(seconds: number): void {
    const { seekable } = this.video;
    if (!seekable.length) return;
    const end = this.actions.livePosition() ?? seekable.end(seekable.length - 1);
    const target = this.video.currentTime + seconds;
    if (seconds > 0 && target >= end) return this.goLive();
    this.following = false;
    this.video.currentTime = Math.max(seekable.start(0), target);
    this.render();
  }

  private async toggleFullscreen(): Promise<void> {
    // An iPhone has full screen for the video alone.
    const video = this.video as HTMLVideoElement & { webkitEnterFullscreen?: () => void };
    try {
      if (document.fullscreenElement) await document.exitFullscreen();
      else if (document.fullscreenEnabled) await this.stage.requestFullscreen();
      else video.webkitEnterFullscreen?.();
    } catch {
      // Refused by the browser: the page stays as it is.
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const onControl = target.closest("button, a, input") !== null;
    const action = this.keyAction(event.key, onControl, target instanceof HTMLInputElement);
    if (!action) return;
    event.preventDefault();
    this.reveal();
    action();
  }

  private keyAction(key: string, onControl: boolean, onSlider: boolean): (() => void) | null {
    switch (key.toLowerCase()) {
      // The space bar presses the button that has the focus, as everywhere.
      case " ":
        return onControl ? null : () => this.togglePlay();
      case "k":
        return () => this.togglePlay();
      case "m":
        return () => this.toggleMute();
      case "f":
        return () => void this.toggleFullscreen();
      case "l":
        return () => this.goLive();
      case "i":
        return () => this.actions.toggleStats();
      case "arrowleft":
        return onSlider ? null : () => this.step(-STEP_SECONDS);
      case "arrowright":
        return onSlider ? null : () => this.step(STEP_SECONDS);
      default:
        return null;
    }
  }

  /** A mouse click on the picture pauses; on a touch screen it shows the controls first. */
  private onPictureClick(): void {
    if (matchMedia("(hover: hover)").matches) this.togglePlay();
  }

  private reveal(): void {
    this.stage.dataset["controls"] = "shown";
    window.clearTimeout(this.hideTimer);
    this.hideTimer = window.setTimeout(() => {
      const focused = this.stage.querySelector(".bar :focus-visible");
      if (!this.video.paused && !focused) this.stage.dataset["controls"] = "hidden";
    }, HIDE_MS);
  }

  private render(): void {
    const { paused, muted, volume } = this.video;
    const silent = muted || volume === 0;
    this.label("play", paused ? "Play (k)" : "Pause (k)", paused ? "play" : "pause");
    this.label("mute", silent ? "Unmute (m)" : "Mute (m)", silent ? "muted" : "sound");
    const full = document.fullscreenElement !== null;
    this.label("fullscreen", full ? "Leave full screen (f)" : "Full screen (f)", full ? "shrink" : "expand");
    this.stage.dataset["silent"] = String(silent);
    this.stage.dataset["following"] = String(this.following);
    this.volumeSlider().value = String(silent ? 0 : volume);
    if (paused) this.stage.dataset["controls"] = "shown";
  }

  private label(action: string, label: string, icon: string): void {
    const button = this.button(action);
    button.setAttribute("aria-label", label);
    button.title = label;
    button.querySelector("use")?.setAttribute("href", `#icon-${icon}`);
  }

  private on(action: string, run: () => void): void {
    this.button(action).addEventListener("click", run);
  }

  private button(action: string): HTMLElement {
    const element = this.stage.querySelector<HTMLElement>(`[data-action="${action}"]`);
    if (!element) throw new Error(`the page has no control ${action}`);
    return element;
  }

  private volumeSlider(): HTMLInputElement {
    return this.stage.querySelector<HTMLInputElement>(".volume")!;
  }
}
