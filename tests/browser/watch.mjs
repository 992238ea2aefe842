// The watch page during a show: every posted event reaches it once, on the frame of its media time; a viewer who comes
// later, with a phone, has the right card; the keyboard does what a mouse does. Prints the figures as one JSON object; ends with 1 if a rule is broken.
//
//   node watch.mjs http://127.0.0.1:8080 demo TOKEN [--late SECONDS] [--pictures FOLDER]
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { post } from './api.mjs';
import { picture, until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { late: { type: 'string', default: '30' }, pictures: { type: 'string' } },
});
const [origin, channel, token] = positionals;
if (!token) {
  console.error('usage: watch.mjs ORIGIN CHANNEL TOKEN [--late SECONDS] [--pictures FOLDER]');
  process.exit(2);
}

const SETTLE_S = 30;
/** A segment: the state in force stands at the start of each. */
const SEGMENT_S = 2;
const FRAME_MS = 1000 / 30;
/** Timestamps pass through doubles and whole milliseconds on their way. */
const ROUNDING_MS = 2;
/** Without a frame for so long, as in a hidden tab or on a machine that is held up, the player goes by the playhead. */
const FRAMELESS_S = 0.4;

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

const state = (page) => page.evaluate(() => globalThis.vitrine?.state() ?? null);
const playing = (page) => page.evaluate(() => globalThis.sampler?.firstFrameMs != null && globalThis.vitrine.latency() != null);

/** The events that the page has applied, each with the PDT of its cue, the frame on which it had to be applied, and whether it was
 * applied without a frame. */
async function applied(page, ids) {
  const seen = await page.evaluate(() => {
    const zero = globalThis.vitrine.programDate() - document.querySelector('video').currentTime * 1000;
    return { events: globalThis.vitrine.events, zero, frameTimes: globalThis.sampler.frameTimes };
  });
  return seen.events
    .filter((event) => ids.includes(event.id))
    .map((event) => ({
      ...event,
      cuePdt: seen.zero + event.cueTime * 1000,
      dueFrame: seen.frameTimes.find((time) => time >= event.cueTime - ROUNDING_MS / 1000),
      byPlayhead: !seen.frameTimes.includes(event.appliedAtMediaTime),
    }));
}

async function postShow(page) {
  const posted = [];
  for (const event of show) {
    posted.push(await post(origin, channel, token, event));
    await page.waitForTimeout(1200);
  }
  return posted;
}

async function checkEvents(page, posted) {
  const ids = posted.map((event) => event.id);
  await until('every event reaches the page', SETTLE_S, async () => {
    const events = await applied(page, ids);
    return ids.every((id) => events.some((event) => event.id === id && event.dueFrame !== undefined));
  });
  const events = await applied(page, ids);
  assert.deepEqual(events.map((event) => event.id), ids, 'each event once, in order');
  for (const [index, event] of events.entries()) {
    const off = Math.abs(event.cuePdt - Date.parse(posted[index].pdt));
    assert.ok(off <= FRAME_MS + ROUNDING_MS, `${event.id}: its cue is ${off.toFixed(1)} ms off the API's answer`);
    // On that frame; where the browser showed none for long, the page goes by the playhead, which is not far from it.
    const { appliedAtMediaTime, cueTime, dueFrame, byPlayhead } = event;
    const latest = byPlayhead ? dueFrame + FRAMELESS_S : dueFrame;
    assert.ok(
      appliedAtMediaTime >= cueTime - ROUNDING_MS / 1000 && appliedAtMediaTime <= latest,
      `${event.id}: its cue is at ${cueTime} s, the first frame after it at ${dueFrame}; applied at ${appliedAtMediaTime}`,
    );
  }
  const most = (values) => Number(Math.max(...values).toFixed(1));
  return {
    count: events.length,
    most_ms_from_api_answer: most(events.map((event, index) => Math.abs(event.cuePdt - Date.parse(posted[index].pdt)))),
    most_ms_after_cue: most(events.map((event) => (event.appliedAtMediaTime - event.cueTime) * 1000)),
  };
}

/** A second viewer, whose phone never saw the events themselves. */
async function joinLate(context) {
  const page = await context.newPage();
  await page.setViewportSize({ width: 390, height: 844 });
  // Noted by the page itself: this script may be held up.
  await page.addInitScript(() => {
    const look = setInterval(() => {
      if (globalThis.vitrine?.state() == null) return;
      clearInterval(look);
      globalThis.cardTime = document.querySelector('video').currentTime;
    }, 20);
  });
  await page.goto(`${origin}/watch/${channel}`);
  await until('the late viewer plays', SETTLE_S, () => playing(page));
  const joined = await page.evaluate(() => globalThis.sampler.frameTimes[0]);
  const card = await until('the late viewer has the card', SETTLE_S, () => state(page));
  await until('the card is noted', SETTLE_S, () => page.evaluate(() => globalThis.cardTime != null));
  const now = await page.evaluate(() => globalThis.cardTime);
  assert.equal(card.id, 'mug-1');
  assert.equal(card.price.amount, 1950);
  const media = now - joined;
  assert.ok(media <= SEGMENT_S + 0.5, `the late viewer's card came after ${media.toFixed(2)} s of the show`);
  assert.deepEqual(await page.evaluate(() => globalThis.vitrine.events), [], 'no event is applied twice for being old');
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 390, `the page is ${width} px wide on a phone of 390`);
  await page.waitForTimeout(500);
  await picture(page, values.pictures, 'watch-phone');
  return { card_after_s_of_media: Number(media.toFixed(2)), first_frame_ms: (await readSampler(page)).firstFrameMs };
}

/** Without a mouse, and without eyes. */
async function useKeyboard(page) {
  const video = (read) => page.evaluate(`(({ paused, muted, currentTime }) => ${read})(document.querySelector('video'))`);
  const following = () => page.evaluate(() => document.querySelector('.stage').dataset.following === 'true');
  const press = async (key, what, probe) => {
    await page.keyboard.press(key);
    await until(`${key}: ${what}`, SETTLE_S, probe);
  };
  await press('k', 'the show pauses', () => video('paused'));
  await press('k', 'the show goes on', () => video('!paused'));
  await press('m', 'there is sound', () => video('!muted'));
  await press('l', 'back to live', following);
  const before = await video('currentTime');
  await press('ArrowLeft', 'some seconds back', async () => !(await following()) && (await video('currentTime')) < before - 2);
  await press('l', 'live again', async () => (await following()) && (await video('currentTime')) > before);
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, a, input')]
      .filter((control) => control.checkVisibility())
      .filter((control) => !(control.getAttribute('aria-label') || control.textContent.trim()))
      .map((control) => control.outerHTML));
  assert.deepEqual(nameless, [], 'every control has a name');
  const heard = await page.evaluate(() => document.querySelector('#announcer').textContent);
  assert.match(heard, /^Now showing: Stoneware mug, .*19.50, 40 in stock\.$/);
}

await withPage({ width: 1280, height: 800 }, async (page, context) => {
  await page.goto(`${origin}/watch/${channel}`);
  await until('the first viewer plays', SETTLE_S, () => playing(page));
  const posted = await postShow(page);
  const events = await checkEvents(page, posted);
  assert.equal((await state(page)).id, 'mug-1');
  await picture(page, values.pictures, 'watch');
  await page.waitForTimeout(Number(values.late) * 1000);
  const late = await joinLate(context);
  const seen = await readSampler(page);
  console.log(JSON.stringify({ events, late, ...report(seen) }));
  assert.equal(seen.reloads, 0, 'the media was loaded once');
  assert.ok(!seen.errors.some((error) => error.includes('fatal')), seen.errors.join('; '));
  await useKeyboard(page);
}, values.pictures);
