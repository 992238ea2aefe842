// Watches a channel's page for as long as one of its encoders is there, reading the clock in every frame. Prints {"now":"playing"}
// and, at the end, what the sampler saw, with `frames_seen`: [shown, clock] of each frame in Unix milliseconds, null if unreadable.
//
//   node failover.mjs http://127.0.0.1:8080 demo
import { channelStatus } from './api.mjs';
import { until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';

const [origin, channel] = process.argv.slice(2);
if (!channel) {
  console.error('usage: failover.mjs ORIGIN CHANNEL');
  process.exit(2);
}
const LOOK_MS = 500;
/** A page that joins has found its distance to live by then. */
const JOINED_S = 8;

const figures = await withPage({ width: 800, height: 600 }, async (page) => {
  let loads = 0;
  page.on('load', () => (loads += 1));
  await page.addInitScript(() => (globalThis.clockEveryMs = 0));
  await page.goto(`${origin}/watch/${channel}`);
  await until('the page plays', 60, () => page.evaluate((wanted) => globalThis.sampler?.latencies.at(-1)?.at_s > wanted, JOINED_S));
  console.log(JSON.stringify({ now: 'playing' }));
  let seen = await readSampler(page);
  for (;;) {
    const { publication, standby } = await channelStatus(origin, channel);
    if (!publication && !standby) break;
    seen = await readSampler(page);
    await page.waitForTimeout(LOOK_MS);
  }
  const frames = seen.glass.map(({ shown_ms: shown, ms }) => [Math.round(shown), Math.round(shown - ms)]);
  return { ...report(seen), loads, unreadable: seen.unreadable, frames_seen: frames };
});
console.log(JSON.stringify(figures));
