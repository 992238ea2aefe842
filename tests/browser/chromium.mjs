// Starts headless Chromium as every test does: a fresh profile, nothing in the background, sound allowed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
];

/** Runs `use` with a page of that size; the browser and its profile are gone afterwards. */
export async function withPage(viewport, use) {
  const profile = await mkdtemp(join(tmpdir(), 'vitrine-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium', headless: true, args: ARGUMENTS, viewport,
  });
  try {
    return await use(await context.newPage(), context);
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

/** Posts a show event; fails with the server's own words. */
export async function post(origin, channel, token, event) {
  const response = await fetch(`${origin}/v1/channels/${channel}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
  const answer = await response.json();
  if (response.status !== 201) throw new Error(`event refused: ${JSON.stringify(answer)}`);
  return answer;
}
