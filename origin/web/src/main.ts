// The viewer's page: /watch/{channel}.
//
//   status (polled) ─► player ─ cues ─► Show (@vitrine/player): events and state on the frame on screen ─► card, extras

import "./style/page.css";
import "./style/picture.css";
import "./style/card.css";
import "./style/extras.css";
import "./style/screens.css";
import { CueReader, Show, featured, watchFrames } from "@vitrine/player";
import type { Passed, Source, SourceListener } from "@vitrine/player";
import { Card } from "./card.ts";
import { Controls } from "./controls.ts";
import { expose, pushBounded } from "./diagnostics.ts";
import type { AppliedEvent } from "./diagnostics.ts";
import { Extras } from "./extras.ts";
import { NoticeView, chooseNotice } from "./notices.ts";
import { createPlayer } from "./player.ts";
import { Reactions } from "./reactions.ts";
import { StallCounter, StatsView } from "./stats.ts";
import { watchStatus } from "./status.ts";
import type { ChannelStatus } from "./status.ts";

const TICK_MS = 250;
/** The picture counts as moving for this long after its last step (milliseconds). */
const MOVING_MS = 1200;

function element<E extends HTMLElement>(selector: string): E {
  const found = document.querySelector<E>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}

/** The channel of /watch/{channel}. */
function channelName(path: string): string {
  const segment = path.split("/").filter(Boolean).at(-1) ?? "";
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

class WatchPage {
  private readonly video = element<HTMLVideoElement>("video");
  private readonly stage = element(".stage");
  private cues: CueReader | null = null;
  private readonly show: Show;
  private readonly card = new Card(element(".card"), element("#announcer"));
  private readonly extras = new Extras(element(".extras"), element(".pins"), element("#announcer-more"), () => this.showClock());
  private readonly reactions = new Reactions(element(".reactions"));
  private readonly notices = new NoticeView(element(".notice"));
  private readonly stats = new StatsView(element(".figure"), element(".figures"));
  private readonly stalls = new StallCounter(this.video);
  private readonly player = createPlayer(this.video, {
    cues: (cues) => this.cues?.collect(cues),
    error: (message) => pushBounded(this.errors, message, 50),
    trouble: (waiting) => (this.mediaTrouble = waiting),
  });
  private readonly controls = new Controls(this.stage, this.video, {
    livePosition: () => this.player?.livePosition() ?? null,
    toggleStats: () => this.stats.toggle(),
  });

  private status: ChannelStatus | null = null;
  private session: string | null = null;
  private events: AppliedEvent[] = [];
  private errors: string[] = [];
  private unreachable = false;
  private mediaTrouble = false;
  private lastTime = 0;
  private movedAt = -Infinity;
  private firstFrameMs: number | null = null;

  constructor(channel: string) {
    this.nameThePage(channel);
    const address = `/v1/channels/${encodeURIComponent(channel)}`;
    this.show = new Show((listener) => this.source(listener), { channel: address });
    this.exposeDiagnostics();
    watchFrames(this.video, () => this.onFrame());
    this.show.on("state", (state) => {
      this.card.render(featured(state));
      this.extras.render(state);
    });
    this.show.on("reaction.burst", ({ event }) => this.reactions.burst(event));
    this.show.on("event", (passed) => this.onPassed(passed));
    watchStatus(channel, {
      status: (status) => this.onStatus(status),
      unreachable: (unreachable) => (this.unreachable = unreachable),
    });
    window.setInterval(() => this.tick(), TICK_MS);
    this.tick();
  }

  /** The show's way to the player, which may be loaded anew within a session without the show being forgotten. */
  private source(listener: SourceListener): Source {
    const { video } = this;
    this.cues = new CueReader((message, time) => listener.message(message, time));
    return {
      video,
      programDate: (time) => {
        const date = this.player?.programDate() ?? null;
        return date === null ? null : date + (time - video.currentTime) * 1000;
      },
      detach: () => (this.cues = null),
    };
  }

  /** A session that is not loaded yet is loaded as soon as it is live; encoder reconnects stay within their session. */
  private onStatus(status: ChannelStatus): void {
    this.status = status;
    if (status.status === "live" && status.playback && status.session !== this.session) {
      this.session = status.session;
      this.show.reset();
      this.movedAt = -Infinity;
      this.lastTime = 0;
      this.controls.following = true;
      this.player?.load(status.playback);
      void this.controls.start();
    }
    this.tick();
  }

  private onFrame(): void {
    if (this.video.readyState >= 2) this.firstFrameMs ??= Math.round(performance.now());
  }

  private onPassed({ id, seq, event, eventTime, frameTime }: Passed): void {
    const applied = { cueTime: eventTime, appliedAtMediaTime: frameTime, appliedAtWall: Date.now() };
    pushBounded(this.events, { id, seq, type: event.type, ...applied }, 500);
  }

  private tick(): void {
    const { video, player } = this;
    if (video.currentTime !== this.lastTime) {
      this.lastTime = video.currentTime;
      this.movedAt = performance.now();
    }
    if (this.status?.status === "live" && this.controls.following && !video.paused) player?.followLive();
    else if (video.playbackRate !== 1) video.playbackRate = 1;
    this.renderNotice();
    this.renderStats();
    this.extras.tick();
  }

  /** When what is on screen was captured: a drop opens for all with the same frame. */
  private showClock(): number {
    return this.player?.programDate() ?? Date.now();
  }

  private renderNotice(): void {
    const started = this.firstFrameMs !== null && this.session !== null;
    const resting = this.video.paused && !this.video.ended && started && this.stage.dataset["blocked"] !== "true";
    const moving = !this.video.ended && (performance.now() - this.movedAt < MOVING_MS || resting);
    const notice = chooseNotice({
      status: this.status?.status ?? null,
      trouble: this.unreachable || this.mediaTrouble,
      supported: this.player !== null,
      moving,
      started,
    });
    this.notices.show(notice);
    this.card.setOver(notice?.kind === "ended");
    this.stage.dataset["notice"] = notice?.kind ?? "none";
    this.stage.dataset["live"] = String(this.status?.status === "live" && notice === null);
    this.stage.dataset["status"] = this.status?.status ?? "loading";
  }

  private renderStats(): void {
    const playing = this.status?.status === "live" && this.firstFrameMs !== null;
    this.stats.render({
      latency: playing ? (this.player?.latency() ?? null) : null,
      target: this.player?.targetLatency() ?? null,
      stalls: this.stalls.count,
      level: this.player?.level() ?? "",
      dropped: this.video.getVideoPlaybackQuality().droppedVideoFrames,
      rate: this.video.playbackRate,
    });
  }

  private nameThePage(channel: string): void {
    const title = channel.replace(/[-_]+/g, " ").replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase()) || "Vitrine";
    element("h1").textContent = title;
    document.title = `${title} · live on Vitrine`;
  }

  private exposeDiagnostics(): void {
    const page = this;
    expose({
      latency: () => page.player?.latency() ?? null,
      programDate: () => page.player?.programDate() ?? null,
      stalls: () => page.stalls.count,
      get events() {
        return [...page.events];
      },
      state: () => featured(page.show.state),
      status: () => page.status?.status ?? "loading",
      level: () => page.player?.level() ?? "",
      get errors() {
        return [...page.errors];
      },
      get firstFrameMs() {
        return page.firstFrameMs;
      },
    });
  }
}

new WatchPage(channelName(location.pathname));
