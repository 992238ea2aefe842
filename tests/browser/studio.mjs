// The studio: signed in by token, a catalogue loaded, a product shown, changed and taken back, seen on the watch page in its
// preview; an event scheduled, moved and cancelled; errors at their fields; by keyboard, and on a phone.
// Prints what it saw as one JSON object; ends with 1 if a rule is broken.
//
//   node studio.mjs http://127.0.0.1:8080 demo TOKEN [--pictures FOLDER]
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { picture, until, withPage } from './chromium.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { pictures: { type: 'string' } } });
const [origin, channel, token] = positionals;
if (!token) {
  console.error('usage: studio.mjs ORIGIN CHANNEL TOKEN [--pictures FOLDER]');
  process.exit(2);
}

const PATIENCE_S = 30;
const CATALOGUE = `id,name,price,currency,compare_at,stock,low_stock_at,image,url
lamp-1,Dune table lamp,89.00,EUR,109.00,12,4,/assets/demo/lamp.svg,https://shop.example/lamp-1
mug-1,Stoneware mug,19.50,EUR,,40,,/assets/demo/mug.svg,https://shop.example/mug-1
sneaker-1,Harbour sneaker,129.00,EUR,,5,,/assets/demo/sneaker.svg,https://shop.example/sneaker-1
broken,,1.00,EUR,,,,,
`;

const text = (page, selector) => page.evaluate((selector) => document.querySelector(selector)?.innerText ?? '', selector);
const shows = (page, what, selector, pattern) =>
  until(`${what}: ${selector} reads ${pattern}`, PATIENCE_S, async () => pattern.test(await text(page, selector)));
const faultAt = (page, field) =>
  page.evaluate((field) => {
    const input = document.querySelector(`[data-field="${field}"][aria-invalid="true"]`);
    return input && document.getElementById(input.getAttribute('aria-describedby'))?.textContent;
  }, field);

/** The watch page in the preview, once it plays. */
async function preview(page) {
  return until('the preview plays', PATIENCE_S, async () => {
    const frame = page.frames().find((frame) => frame.url().includes('/watch/'));
    return (await frame?.evaluate(() => globalThis.vitrine?.latency() != null).catch(() => false)) && frame;
  });
}

const card = (frame) => frame.evaluate(() => globalThis.vitrine.state());

async function signIn(page) {
  await page.goto(`${origin}/studio/${channel}`);
  await page.fill('#token', 'not-the-token');
  await page.keyboard.press('Enter');
  await until('a wrong token is refused at its field', PATIENCE_S, () => faultAt(page, 'token'));
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  await until('the desk is open', PATIENCE_S, () => page.evaluate(() => document.body.dataset.signed === 'in'));
  const kept = await page.evaluate(() => ({ address: location.href, lasting: JSON.stringify(localStorage), field: document.querySelector('#token').value }));
  for (const [place, held] of Object.entries(kept)) assert.ok(!held.includes(token), `the token is in the ${place}`);
}

async function showAndTakeBack(page) {
  await page.setInputFiles('#file', { name: 'catalogue.csv', mimeType: 'text/csv', buffer: Buffer.from(CATALOGUE) });
  await shows(page, 'what is wrong with a line is named', '#faults', /Line 5: name/);
  const frame = await preview(page);
  await page.click('button[aria-label="Show Dune table lamp"]');
  await until('the card is on the watch page', PATIENCE_S, async () => (await card(frame))?.id === 'lamp-1');
  assert.match(await frame.evaluate(() => document.querySelector('.card').innerText), /Dune table lamp[\s\S]*89\.00[\s\S]*109\.00/);
  await page.fill('[aria-label="Stock of Dune table lamp"]', '3');
  await page.keyboard.press('Enter');
  await until('the stock is on the card', PATIENCE_S, async () => (await card(frame))?.stock === 3);
  await page.click('#undo');
  await until('the stock is taken back', PATIENCE_S, async () => (await card(frame))?.stock === 12);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('u');
  await until('the product is taken back', PATIENCE_S, async () => (await card(frame)) === null);
  return frame;
}

async function scheduleAndCancel(page) {
  await page.keyboard.press('s');
  await page.keyboard.type('600');
  await page.keyboard.press('Escape');
  await page.keyboard.press('2');
  await shows(page, 'what waits is listed', '#scheduled', /Show Stoneware mug/);
  const time = () => text(page, '#scheduled time');
  const later = await page.evaluate(() => new Date(Date.now() + 1_200_000).toTimeString().slice(0, 8));
  await page.fill('#scheduled input', later);
  await page.click('#scheduled button[aria-label^="Move"]');
  await until('it is moved', PATIENCE_S, async () => (await time()) === later);
  await page.click('#scheduled button[aria-label^="Cancel"]');
  await until('nothing waits', PATIENCE_S, async () => (await text(page, '#scheduled')) === '');
  await shows(page, 'it was cancelled', '#past', /Show Stoneware mug[^\n]*\s+cancelled/);
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('n');
}

async function useTools(page) {
  await page.click('#for-coupon');
  await page.fill('[name=code]', 'with blanks in it');
  await page.fill('#tab-coupon [name=text]', '10 % off every lamp');
  await page.keyboard.press('Enter');
  const problem = await until('the origin’s problem is at its field', PATIENCE_S, () => faultAt(page, 'coupon.code'));
  await page.fill('[name=code]', 'HALO10');
  await page.keyboard.press('Enter');
  await page.click('#for-poll');
  await page.fill('[name=question]', 'Which one next?');
  await page.fill('[name=options]', 'The mug\nThe sneaker');
  await page.click('#tab-poll .main');
  await page.click('#for-drop');
  await page.fill('[name=title]', 'The brass edition');
  await page.click('#tab-drop .main');
  await shows(page, 'all is on air', '#on-air', /brass edition · opens in [45]:\d\d[\s\S]*Which one next\? · The mug 0, The sneaker 0[\s\S]*HALO10/);
  return problem;
}

async function namesAndWidth(page, width) {
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, a, input, select, textarea, iframe')]
      .filter((control) => control.checkVisibility())
      .filter((control) => !(control.getAttribute('aria-label') || control.title || control.textContent.trim() || control.labels?.[0]?.textContent.trim()))
      .map((control) => control.outerHTML));
  assert.deepEqual(nameless, [], 'every control has a name');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `the page is ${wide} px wide on a screen of ${width}`);
}

await withPage({ width: 1280, height: 1000 }, async (page) => {
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await signIn(page);
  await showAndTakeBack(page);
  await scheduleAndCancel(page);
  const problem = await useTools(page);
  await page.keyboard.press('Escape');
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('1');
  await shows(page, 'a key shows a product', '#on-air', /Spotlight\s*Dune table lamp/i);
  const viewers = await until('the preview is a viewer', PATIENCE_S, async () => Number(await text(page, '#viewers')) || null);
  await namesAndWidth(page, 1280);
  await picture(page, values.pictures, 'studio');
  await page.setViewportSize({ width: 390, height: 844 });
  await namesAndWidth(page, 390);
  if (values.pictures) await page.screenshot({ path: `${values.pictures}/studio-phone.png`, fullPage: true });
  await page.click('#sign-out');
  await until('the desk is closed', PATIENCE_S, () => page.evaluate(() => document.body.dataset.signed === 'out' && sessionStorage.length === 0).catch(() => false));
  assert.deepEqual(errors, []);
  console.log(JSON.stringify({ problem, viewers }));
}, values.pictures);
