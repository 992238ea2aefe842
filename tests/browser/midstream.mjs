// Two pages watch one show for as long as its encoder is there, whatever it changes: hls.js as it comes, and the watch page.
// Prints how far each has played, again and again, and at the end what the samplers saw:
//
//   {"now":"playing","looks":1,"dates":[1760000000000,1760000000100],"videos":[…]}   the media dates: hls.js, the watch page
//   {"hls":{…},"watch":{…}}
//
//   node midstream.mjs http://127.0.0.1:8080 demo [--pictures FOLDER]
import { parseArgs } from 'node:util';
import { channelStatus } from './api.mjs';
import { picture, until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';
import { withSite } from './site.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { pictures: { type: 'string' } } });
const [origin, channel] = positionals;
if (!channel) {
  console.error('usage: midstream.mjs ORIGIN CHANNEL [--pictures FOLDER]');
  process.exit(2);
}
const FIRST_FRAME_S = 240;
const LOOK_MS = 250;

/** How a page's video is, for whoever reads the log of a page that did not play on. */
function video() {
  const { currentTime, seeking, paused, readyState, buffered } = document.querySelector('video');
  const ranges = Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)]);
  return { currentTime, seeking, paused, readyState, ranges };
}

const figures = await withSite((site) =>
  withPage({ width: 320, height: 180 }, async (bare, context) => {
    const pages = { hls: bare, watch: await context.newPage() };
    const loads = { hls: 0, watch: 0 };
    for (const [name, page] of Object.entries(pages)) page.on('framenavigated', () => (loads[name] += 1));
    await pages.hls.goto(`${site}/hls?src=${encodeURIComponent(`${origin}/live/${channel}/index.m3u8`)}`);
    await pages.watch.goto(`${origin}/watch/${channel}`);
    for (const [name, page] of Object.entries(pages)) {
      await until(`the first frame: ${name}`, FIRST_FRAME_S, () => page.evaluate(() => globalThis.sampler?.firstFrameMs != null));
    }
    const seen = {};
    let looks = 0;
    do {
      const dates = [];
      const videos = [];
      for (const [name, page] of Object.entries(pages)) {
        seen[name] = { ...report(await readSampler(page)), loads: loads[name] };
        dates.push(await page.evaluate(() => globalThis.vitrine.programDate()));
        videos.push(await page.evaluate(video));
      }
      looks += 1;
      console.log(JSON.stringify({ now: 'playing', looks, dates, videos }));
      await bare.waitForTimeout(LOOK_MS);
    } while ((await channelStatus(origin, channel)).publication);
    for (const [name, page] of Object.entries(pages)) await picture(page, values.pictures, `midstream-${name}`);
    return seen;
  }, values.pictures));
console.log(JSON.stringify(figures));
