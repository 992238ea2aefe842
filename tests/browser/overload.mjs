// Plays a show in hls.js, in the rung of HEIGHT or below, for as long as its encoder is there: what a viewer of a rung sees when
// the machine becomes too slow for it. Prints {"now":"playing"} and, at the end, what the sampler saw.
//
//   node overload.mjs http://127.0.0.1:8080 demo HEIGHT
import { channelStatus } from './api.mjs';
import { until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';
import { withSite } from './site.mjs';

const [origin, channel, height] = process.argv.slice(2);
if (!(Number(height) > 0)) {
  console.error('usage: overload.mjs ORIGIN CHANNEL HEIGHT');
  process.exit(2);
}
const LOOK_MS = 250;

const figures = await withSite((site) =>
  withPage({ width: 1280, height: 720 }, async (page) => {
    await page.goto(`${site}/hls?src=${encodeURIComponent(`${origin}/live/${channel}/index.m3u8`)}`);
    await until('the rungs are known', 30, () => page.evaluate(() => globalThis.vitrine.heights().length > 0));
    await page.evaluate((wanted) => globalThis.vitrine.cap(wanted), Number(height));
    const level = () => page.evaluate(() => globalThis.vitrine.level());
    await until(`${height}p is played`, 60, async () => (await level()) === `${height}p`);
    console.log(JSON.stringify({ now: 'playing' }));
    let seen = await readSampler(page);
    while ((await channelStatus(origin, channel)).status === 'live') {
      seen = await readSampler(page);
      await page.waitForTimeout(LOOK_MS);
    }
    return report(seen);
  }));
console.log(JSON.stringify(figures));
