// Starts headless Chromium as every test does: a fresh profile, nothing in the background, sound allowed.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];

const SAMPLER = fileURLToPath(new URL('sampler.js', import.meta.url));

/**
 * Runs `use` with a page of that size, sampled by sampler.js; the browser and its profile are gone afterwards. If `use`
 * fails, every page's picture is saved in the folder `pictures`.
 */
export async function withPage(viewport, use, pictures) {
  const profile = await mkdtemp(join(tmpdir(), 'vitrine-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium', headless: true, args: ARGUMENTS, viewport,
  });
  try {
    await context.addInitScript({ path: SAMPLER });
    return await use(await context.newPage(), context);
  } catch (error) {
    for (const [index, page] of context.pages().entries()) await picture(page, pictures, `failed-${index}`);
    throw error;
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** Polls `probe` until it gives something truthy; fails with `what` after `seconds`. */
export async function until(what, seconds, probe) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Saves a picture of the page as FOLDER/NAME.png; does nothing without a folder. */
export async function picture(page, folder, name) {
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
