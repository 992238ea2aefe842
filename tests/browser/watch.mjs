// The watch page during a show: every posted event reaches it once, within a frame of its media time; a viewer who
// comes later has the right card; playback neither stalls nor errs.
//
//   node watch.mjs http://127.0.0.1:8080 demo TOKEN [FOLDER FOR SCREENSHOTS]
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { post, until, withPage } from './chromium.mjs';

const [origin, channel, token, pictures] = process.argv.slice(2);
const FRAME_S = 1 / 30;
const SETTLE_S = 20;

const product = (id, name, amount, stock, image) => ({
  id, name, image: `/assets/demo/${image}.svg`, price: { amount, currency: 'EUR' }, stock, url: `https://shop.example/${id}`,
});
const show = [
  { type: 'product.show', product: product('lamp-1', 'Dune table lamp', 8900, 12, 'lamp') },
  { type: 'product.update', product: { id: 'lamp-1', stock: 3 } },
  { type: 'product.update', product: { id: 'lamp-1', price: { amount: 7450, currency: 'EUR' } } },
  { type: 'product.hide', product: { id: 'lamp-1' } },
  { type: 'product.show', product: product('mug-1', 'Stoneware mug', 1950, 40, 'mug') },
];

const seen = (page) => page.evaluate(() => globalThis.vitrine?.events ?? []);
const state = (page) => page.evaluate(() => globalThis.vitrine?.state() ?? null);
const playing = (page) => page.evaluate(() => globalThis.vitrine?.latency() != null && document.querySelector('video').currentTime > 0);

async function picture(page, name) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name}.png` });
}

await withPage({ width: 1280, height: 800 }, async (page, context) => {
  await page.goto(`${origin}/watch/${channel}`);
  await until('the first viewer plays', SETTLE_S, () => playing(page));
  const posted = [];
  for (const event of show) {
    posted.push(await post(origin, channel, token, event));
    await new Promise((resolve) => setTimeout(resolve, 1200));
  }
  const ids = posted.map((event) => event.id);
  await until('every event reaches the page', SETTLE_S, async () => {
    const events = await seen(page);
    return ids.every((id) => events.some((event) => event.id === id));
  });
  const events = (await seen(page)).filter((event) => ids.includes(event.id));
  assert.deepEqual(events.map((event) => event.id), ids, 'each event once, in order');
  for (const event of events) {
    const off = event.appliedAtMediaTime - event.cueTime;
    assert.ok(off >= -0.001 && off <= FRAME_S + 0.001, `${event.id} was applied ${off.toFixed(4)} s after its cue`);
  }
  // The distance between cues is the distance between the media times that the API answered.
  for (let i = 1; i < events.length; i += 1) {
    const cues = events[i].cueTime - events[0].cueTime;
    const media = posted[i].media_time - posted[0].media_time;
    assert.ok(Math.abs(cues - media) <= FRAME_S, `${ids[i]}: cues ${cues.toFixed(4)} s apart, media ${media.toFixed(4)} s`);
  }
  assert.equal((await state(page)).id, 'mug-1');
  await picture(page, 'watch');

  const late = await context.newPage();
  await late.setViewportSize({ width: 390, height: 844 });
  await late.goto(`${origin}/watch/${channel}`);
  await until('the late viewer plays', SETTLE_S, () => playing(late));
  const started = Date.now();
  await until('the late viewer has the card', 4, async () => (await state(late))?.id === 'mug-1');
  const wait = Date.now() - started;
  assert.equal((await state(late)).price.amount, 1950);
  await picture(late, 'watch-phone');

  const figures = await page.evaluate(() => ({ latency: globalThis.vitrine.latency(), stalls: globalThis.vitrine.stalls(), first: globalThis.vitrine.firstFrameMs, level: globalThis.vitrine.level(), errors: globalThis.vitrine.errors }));
  const offs = events.map((event) => event.appliedAtMediaTime - event.cueTime);
  console.log(`events ${events.length}, applied at most ${(Math.max(...offs) * 1000).toFixed(1)} ms after their cue; late viewer's card after ${wait} ms`);
  console.log(JSON.stringify(figures));
  assert.equal(figures.stalls, 0, 'no stall');
});
