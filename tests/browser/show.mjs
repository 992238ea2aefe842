// @vitrine/player on pages of a shop's own, beside hls.js and Shaka Player, across origins. Each page meets every event
// once, through changes of the rung; has the state of the frame on screen after joining late, after a seek back and after a
// pause, as the origin's own reducer says it; and two that are synchronised show a drop at the same instant.
// Prints the figures as one JSON object; ends with 1 if a rule is broken.
//
//   node show.mjs http://127.0.0.1:8080 demo TOKEN [--events 12] [--back SECONDS] [--pause SECONDS]
import assert from 'node:assert/strict';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { post } from './api.mjs';
import { until, withPage } from './chromium.mjs';
import { percentile } from './figures.mjs';
import { withSite } from './site.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { events: { type: 'string', default: '12' }, back: { type: 'string', default: '10' }, pause: { type: 'string', default: '4' } },
});
const [origin, channel, token] = positionals;
const PATIENCE_S = 30;
const FRAME_MS = 1000 / 30;
const ROUNDING_MS = 2;
/** Seconds behind the capture at which the synchronised viewers play. */
const LATENCY_S = 4;
/** Viewers are together when neither is further off than this (seconds). */
const TOGETHER_S = 0.04;

const api = `${origin}/v1/channels/${channel}`;
const read = (page, expression) => page.evaluate(expression);

async function open(context, site, player, more = '') {
  const page = await context.newPage();
  const src = encodeURIComponent(`${origin}/live/${channel}/index.m3u8`);
  await page.goto(`${site}/show-${player}?src=${src}&channel=${encodeURIComponent(api)}${more}`);
  await until(`${player} plays`, PATIENCE_S, () => read(page, 'globalThis.vitrine?.latency() != null && document.querySelector("video").currentTime > 0'));
  return page;
}

/** The page's state against the origin's for the PDT of the frame on screen. */
async function sameState(page, when) {
  await until(`${when}: the state is the origin's`, PATIENCE_S, async () => {
    const seen = await read(page, '({ state: vitrine.state(), date: vitrine.programDate() })');
    const answer = await fetch(`${api}/state?at=${new Date(seen.date).toISOString()}`);
    const theirs = await answer.json();
    return theirs.seq === seen.state.seq && isDeepStrictEqual(theirs.products, seen.state.products);
  });
}

async function meetsEvents(page, player) {
  const before = await read(page, 'vitrine.events.length');
  const posted = [];
  const show = { id: `of-${player}`, name: 'A lamp', price: { amount: 100, currency: 'EUR' } };
  posted.push(await post(origin, channel, token, { type: 'product.show', product: show }));
  for (let n = 1; n < Number(values.events); n += 1) {
    if (n % 4 === 0) await read(page, 'vitrine.switchRung()');
    posted.push(await post(origin, channel, token, { type: 'product.update', product: { id: show.id, stock: n } }));
    await page.waitForTimeout(150);
  }
  const ids = posted.map(({ id }) => id);
  const events = await until(`${player} has met every event`, PATIENCE_S, async () => {
    const events = (await read(page, 'vitrine.events')).slice(before).filter(({ id }) => ids.includes(id));
    return events.length >= ids.length && events;
  });
  assert.deepEqual(events.map(({ id }) => id), ids, `${player}: each once, in order`);
  const off = events.map(({ pdt }, index) => pdt - Date.parse(posted[index].pdt));
  const late = events.map(({ frameTime, eventTime }) => (frameTime - eventTime) * 1000);
  assert.ok(off.every((ms) => Math.abs(ms) <= FRAME_MS + ROUNDING_MS), `${player}: off by ${off.map(Math.round)} ms`);
  const shown = await read(page, 'sampler.frameTimes');
  for (const { id, eventTime, frameTime } of events) {
    const due = shown.find((time) => time >= eventTime - ROUNDING_MS / 1000);
    assert.equal(frameTime, due, `${player}: ${id} is told on the first frame shown at or after it`);
  }
  const spread = (list) => ({ p50: Math.round(percentile(list, 0.5)), p99: Math.round(percentile(list, 0.99)) });
  return { count: events.length, ms_from_api_answer: spread(off), ms_after_event: spread(late) };
}

async function hasTheState(page, player) {
  await sameState(page, `${player}, joined late`);
  await read(page, `document.querySelector('video').currentTime -= ${Number(values.back)}`);
  await sameState(page, `${player}, ${values.back} s back`);
  await read(page, `document.querySelector('video').pause()`);
  await page.waitForTimeout(Number(values.pause) * 1000);
  await sameState(page, `${player}, paused`);
  await read(page, `document.querySelector('video').play()`);
  await sameState(page, `${player}, playing on`);
}

async function together(site) {
  const size = { width: 640, height: 360 };
  return withPage(size, (_, one) => withPage(size, async (_, two) => {
    const pages = [await open(one, site, 'hls', `&latency=${LATENCY_S}`), await open(two, site, 'hls', `&latency=${LATENCY_S}`)];
    const off = (page) => read(page, `Math.abs(vitrine.latency() - ${LATENCY_S})`);
    await until('both are together', PATIENCE_S, async () => (await Promise.all(pages.map(off))).every((seconds) => seconds < TOGETHER_S));
    const drop = { id: 'drop', title: 'The brass edition', opens_at: new Date(Date.now() + 60_000).toISOString() };
    const { id } = await post(origin, channel, token, { type: 'drop.announce', drop });
    const seen = await Promise.all(pages.map((page) =>
      until('the drop is shown', PATIENCE_S, async () => (await read(page, 'vitrine.events')).find((event) => event.id === id))));
    return Math.abs(seen[0].wall - seen[1].wall);
  }));
}

const figures = await withSite(async (site) => {
  const figures = {};
  for (const player of ['hls', 'shaka']) {
    figures[player] = await withPage({ width: 640, height: 360 }, async (_, context) => {
      const page = await open(context, site, player);
      const events = await meetsEvents(page, player);
      await hasTheState(page, player);
      assert.deepEqual(await read(page, 'vitrine.errors'), [], player);
      return events;
    });
  }
  return { ...figures, drop_apart_ms: await together(site) };
});
console.log(JSON.stringify(figures));
assert.ok(figures.drop_apart_ms <= 100, `the drop was shown ${figures.drop_apart_ms} ms apart`);
