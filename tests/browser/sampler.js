// Runs inside the page, beside whichever player plays there, and only observes its <video>:
//
//   frames on screen ─► frame times, first frame, glass to glass (the clock burnt into the picture)
//   a timer ─────────► latency by EXT-X-PROGRAM-DATE-TIME, stalls, rendition switches
//
// `window.clockEveryMs`, set before, says how often that clock is read: 0 is in each frame.
//
// The page offers `window.vitrine.programDate()`: milliseconds since 1970 of the media time now playing.
(() => {
  const WATCH_MS = 50;
  const SAMPLE_MS = 250;
  /** A playhead at rest for this long is a stall, whatever events the browser fires or spares. */
  const FROZEN_MS = 300;
  const CLOCK_MS = 1000;
  /** Keeps the newest: an hour at 30 frames a second would be 100,000. */
  const MAX_FRAMES = 20_000;

  class Sampler {
    firstFrameMs = null;
    latencies = [];
    glass = [];
    unreadable = 0;
    stalls = [];
    skips = [];
    reloads = 0;
    levels = [];
    sizes = [];
    frameTimes = [];
    #video;
    #frameTime = null;
    #lastTime = 0;
    #movedAt = performance.now();
    #sampledAt = -Infinity;
    #clockAt = -Infinity;
    #stall = null;
    #canvas = new OffscreenCanvas(320, 16).getContext('2d', { willReadFrequently: true });

    constructor(video) {
      this.#video = video;
      video.addEventListener('waiting', () => {
        if (this.#playing() && !video.seeking) this.#openStall('waiting');
      });
      video.addEventListener('seeking', () => {
        if (this.#playing()) this.skips.push({ at_s: this.#seconds(), to: video.currentTime });
      });
      video.addEventListener('emptied', () => {
        if (this.firstFrameMs !== null) this.reloads += 1;
      });
      video.requestVideoFrameCallback((_, frame) => this.#onFrame(frame));
      setInterval(() => this.#watch(), WATCH_MS);
    }

    #playing() {
      return this.firstFrameMs !== null && !this.#video.paused && !this.#video.ended;
    }

    /** Since the first frame. */
    #seconds() {
      return Number(((performance.now() - this.firstFrameMs) / 1000).toFixed(2));
    }

    #onFrame(frame) {
      // Asked first: a frame that comes while the clock is read would be missed.
      this.#video.requestVideoFrameCallback((_, next) => this.#onFrame(next));
      this.firstFrameMs ??= Math.round(performance.now());
      this.#frameTime = frame.mediaTime;
      this.frameTimes.push(frame.mediaTime);
      if (this.frameTimes.length > MAX_FRAMES) this.frameTimes.splice(0, MAX_FRAMES / 2);
      const now = performance.now();
      if (now - this.#clockAt >= (globalThis.clockEveryMs ?? CLOCK_MS)) {
        this.#clockAt = now;
        this.#readClock(Date.now() + Math.max(0, frame.expectedDisplayTime - now));
      }
    }

    #watch() {
      const now = performance.now();
      const moved = this.#video.currentTime !== this.#lastTime;
      this.#lastTime = this.#video.currentTime;
      if (moved || !this.#playing()) {
        this.#closeStall(now);
        this.#movedAt = now;
      } else if (now - this.#movedAt > FROZEN_MS) {
        this.#openStall('frozen');
      }
      if (this.#playing() && now - this.#sampledAt >= SAMPLE_MS) {
        this.#sampledAt = now;
        this.#sample();
      }
    }

    #sample() {
      const date = globalThis.vitrine?.programDate() ?? null;
      // The frame on screen is a little older than the playhead.
      const behind = (this.#video.currentTime - this.#frameTime) * 1000;
      if (date !== null) this.latencies.push({ at_s: this.#seconds(), ms: Date.now() - date + behind });
      const level = globalThis.vitrine?.level() ?? '';
      if (level && level !== this.levels.at(-1)) this.levels.push(level);
      const size = `${this.#video.videoWidth}x${this.#video.videoHeight}`;
      if (size !== this.sizes.at(-1)) this.sizes.push(size);
    }

    #openStall(kind) {
      if (this.#stall) return;
      this.#stall = { at_s: this.#seconds(), media_time: this.#video.currentTime, kind, ms: null };
      this.stalls.push(this.#stall);
    }

    #closeStall(now) {
      if (!this.#stall) return;
      this.#stall.ms = Math.round(now - this.#movedAt);
      this.#stall = null;
    }

    /** 40 x 2 cells in the top 64 of 720 lines: white, black, 32 bits of milliseconds (least first); below, inverted. */
    #readClock(shownAt) {
      const { videoWidth, videoHeight } = this.#video;
      if (!videoWidth) return;
      this.#canvas.drawImage(this.#video, 0, 0, videoWidth, (videoHeight * 64) / 720, 0, 0, 320, 16);
      const { data } = this.#canvas.getImageData(0, 0, 320, 16);
      const cell = (column, row) => data[4 * (320 * (8 * row + 4) + 8 * column + 4)];
      let clock = 0;
      for (let bit = 0; bit < 32; bit += 1) {
        const [upper, lower] = [cell(bit + 2, 0), cell(bit + 2, 1)];
        if (Math.abs(upper - lower) < 60) {
          this.unreadable += 1;
          return;
        }
        if (upper > lower) clock += 2 ** bit;
      }
      const passed = (shownAt - clock) % 2 ** 32;
      this.glass.push({ at_s: this.#seconds(), ms: passed, shown_ms: shownAt });
    }
  }

  document.addEventListener('DOMContentLoaded', () => {
    const video = document.querySelector('video');
    if (video) globalThis.sampler = new Sampler(video);
  });
})();
