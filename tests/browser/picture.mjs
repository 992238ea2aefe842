// Takes the watch page's picture once the show plays and a product is on its card.
//
//   node picture.mjs http://127.0.0.1:8080/watch/demo FILE.png
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { until, withPage } from './chromium.mjs';

const [url, file] = process.argv.slice(2);

await withPage({ width: 1280, height: 800 }, async (page) => {
  await page.goto(url);
  await until('the show plays with a product on its card', 30, () =>
    page.evaluate(() => globalThis.vitrine?.latency() != null && globalThis.vitrine.state() != null));
  await page.evaluate(() => document.fonts.ready);
  // The card's entrance is an animation.
  await Promise.race([
    page.evaluate(() => Promise.all(document.querySelector('.card').getAnimations({ subtree: true }).map((one) => one.finished))),
    new Promise((resolve) => setTimeout(resolve, 2000)),
  ]);
  await mkdir(dirname(file), { recursive: true });
  await page.screenshot({ path: file });
});
