// Plays a show in hls.js while it is forced to another rung again and again; then photographs each rung. Prints what the
// sampler saw as one JSON object.
//
//   node switch.mjs http://127.0.0.1:8080/live/demo/index.m3u8 120 [--each 5] [--pictures FOLDER]
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';
import { withSite } from './site.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { each: { type: 'string', default: '5' }, pictures: { type: 'string' } },
});
const [url, seconds] = positionals;

const heights = (page) => page.evaluate(() => globalThis.vitrine.heights());
const force = (page, height) => page.evaluate((wanted) => globalThis.vitrine.force(wanted), height);
const shown = (page, height) =>
  until(`${height} lines on screen`, 20, () => page.evaluate((wanted) => document.querySelector('video').videoHeight === wanted, height));

/** The frame on screen as a PNG, in base64; null of a flash: a white one shows nothing of its encoder. */
async function darkFrame() {
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  if (mean > 200) return null;
  const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}

/** From the top down and up again: 720 480 360 480 720 … */
function* upAndDown(levels) {
  for (;;) {
    for (const height of levels) yield height;
    for (const height of levels.slice(1, -1).reverse()) yield height;
  }
}

const figures = await withSite((site) =>
  withPage({ width: 1280, height: 720 }, async (page) => {
    await page.goto(`${site}/hls?src=${encodeURIComponent(url)}`);
    await until('the first frame', 30, () => page.evaluate(() => globalThis.sampler?.firstFrameMs != null));
    const levels = (await heights(page)).sort((a, b) => b - a);
    const wanted = upAndDown(levels);
    const end = Date.now() + Number(seconds) * 1000;
    let forced = 0;
    while (Date.now() < end) {
      const height = wanted.next().value;
      await force(page, height);
      forced += 1;
      await page.waitForTimeout(Number(values.each) * 1000);
      await shown(page, height);
    }
    const seen = report(await readSampler(page));
    if (values.pictures) await mkdir(values.pictures, { recursive: true });
    for (const height of values.pictures ? levels : []) {
      await force(page, height);
      await shown(page, height);
      const frame = await until('a dark moment', 20, () => page.evaluate(darkFrame));
      await writeFile(`${values.pictures}/rung-${height}.png`, frame, 'base64');
    }
    return { seconds: Number(seconds), forced, ...seen };
  }));
console.log(JSON.stringify(figures));
