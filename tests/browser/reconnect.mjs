// The watch page while the encoder is killed, comes back, leaves for good, and a new show begins: one page, never
// reloaded. Whoever runs this script stops and starts the publisher; the script tells when, a JSON object a line:
//
//   {"now":"playing"}   kill the publisher           {"now":"back"}    kill it for good
//   {"now":"away"}      start it again               {"now":"ended"}   start a new show
//   {"now":"again"}     with the figures; the script ends
//
//   node reconnect.mjs http://127.0.0.1:8080 demo [--pictures FOLDER]
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { channelStatus } from './api.mjs';
import { picture, until, withPage } from './chromium.mjs';
import { readSampler, report } from './figures.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { pictures: { type: 'string' } } });
const [origin, channel] = positionals;
if (!channel) {
  console.error('usage: reconnect.mjs ORIGIN CHANNEL [--pictures FOLDER]');
  process.exit(2);
}

const PATIENCE_S = 45;
const MOVING_S = 2;

const say = (now, rest = {}) => console.log(JSON.stringify({ now, ...rest }));
const session = async () => (await channelStatus(origin, channel)).session;

/** The notice over the picture: its kind and words, as the viewer reads them. */
const notice = (page) =>
  page.evaluate(() => {
    const box = document.querySelector('.notice');
    const shown = getComputedStyle(box).display !== 'none';
    return shown ? { kind: box.dataset.kind, words: box.innerText.replace(/\s+/g, ' ').trim() } : null;
  });

/** Waits until a notice of that kind stands there; its words. */
async function noticed(page, kind) {
  const shown = await until(`the notice "${kind}"`, PATIENCE_S, async () => {
    const now = await notice(page);
    return now?.kind === kind && now;
  });
  await page.waitForTimeout(400);
  await picture(page, values.pictures, `notice-${kind}`);
  return shown.words;
}

/** Waits until the picture has moved for a while with nothing over it. */
async function plays(page, what) {
  const time = () => page.evaluate(() => document.querySelector('video').currentTime);
  let from = null;
  await until(what, PATIENCE_S, async () => {
    const now = await time();
    const free = (await notice(page)) === null;
    if (!free || from === null || now < from) from = free ? now : null;
    return from !== null && now - from >= MOVING_S;
  });
}

await withPage({ width: 1280, height: 800 }, async (page) => {
  let loads = 0;
  page.on('framenavigated', () => (loads += 1));
  await page.goto(`${origin}/watch/${channel}`);
  await plays(page, 'the page plays');
  const first = await session();
  say('playing');

  const away = await noticed(page, 'away');
  say('away');
  await plays(page, 'the page plays on after the gap');
  assert.equal(await session(), first, 'the same session goes on');
  const back = await readSampler(page);
  assert.equal(back.reloads, 0, 'the media was not loaded anew');
  await picture(page, values.pictures, 'back');
  say('back');

  const ended = await noticed(page, 'ended');
  say('ended');
  await plays(page, 'the page plays the new show');
  assert.notEqual(await session(), first, 'a new show is a new session');
  assert.equal(loads, 1, 'the page itself was loaded once');
  const again = await readSampler(page);
  const latest = (seen) => Number((seen.latencies.at(-1).ms / 1000).toFixed(2));
  const { stalls, skips } = report(back);
  say('again', {
    notices: { away, ended },
    latency_s: { back: latest(back), again: latest(again) },
    until_back: { stalls, skips },
    errors: again.errors,
  });
}, values.pictures);
