// Plays a show for a while, samples what a viewer gets, and prints it as one JSON object.
//
//   node play.mjs http://127.0.0.1:8080/watch/demo 30 [--player watch]
//   node play.mjs http://127.0.0.1:8080/live/demo/index.m3u8 30 --player hls|shaka
//     --screenshot FILE   a picture of the page at the end
//     --shows 426x240     plays until the picture has that size, and SECONDS more
//     --frames N          plays until N frames have been decoded, if SECONDS are too short for that
//     --strict            ends with 1 after any stall, error, skip or reload
import { parseArgs } from 'node:util';
import { until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';
import { withSite } from './site.mjs';

const FIRST_FRAME_S = 30;
const ANOTHER_SIZE_S = 90;
const MOVES_S = 30;
const FRAMES_S = 60;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    player: { type: 'string', default: 'watch' },
    screenshot: { type: 'string' },
    shows: { type: 'string' },
    frames: { type: 'string', default: '0' },
    strict: { type: 'boolean', default: false },
  },
});
const [url, seconds] = positionals;
const { player, screenshot, shows, frames, strict } = values;
if (!url || !(Number(seconds) > 0) || !['watch', 'hls', 'shaka'].includes(player)) {
  console.error('usage: play.mjs URL SECONDS [--player watch|hls|shaka] [--screenshot FILE] [--shows WxH] [--frames N] [--strict]');
  process.exit(2);
}

async function play(address) {
  return withPage({ width: 1280, height: 800 }, async (page) => {
    await page.goto(address);
    try {
      await until('the first frame', FIRST_FRAME_S, () => page.evaluate(() => globalThis.sampler?.firstFrameMs != null));
      const size = () => page.evaluate(() => globalThis.sampler.sizes.at(-1));
      if (shows) await until(`a picture of ${shows}`, ANOTHER_SIZE_S, async () => (await size()) === shows);
      await page.waitForTimeout(Number(seconds) * 1000);
      const decoded = () => page.evaluate(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames);
      await until(`${frames} frames`, FRAMES_S, async () => (await decoded()) >= Number(frames));
      // Whatever came in between, it plays at the end.
      const time = () => page.evaluate(() => document.querySelector('video').currentTime);
      const from = await time();
      await until('the picture moves', MOVES_S, async () => (await time()) > from + 1);
    } finally {
      if (screenshot) await page.screenshot({ path: screenshot });
    }
    return readSampler(page);
  });
}

const seen =
  player === 'watch' ? await play(url) : await withSite((site) => play(`${site}/${player}?src=${encodeURIComponent(url)}`));
console.log(JSON.stringify({ player, seconds: Number(seconds), ...report(seen) }));
const clean = [seen.stalls, seen.errors, seen.skips].every((list) => list.length === 0) && seen.reloads === 0;
if (strict && !clean) process.exitCode = 1;
