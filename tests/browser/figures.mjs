// What a sampler saw, as the figures that are printed.

/** The value below which `share` of the values lie; null without values. */
export function percentile(values, share) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Samples of milliseconds summed up, in seconds. `max_at_s`: when the worst one was, after the first frame. */
export function summary(samples) {
  const values = samples.map((sample) => sample.ms / 1000);
  const worst = samples.reduce((a, b) => (a && a.ms >= b.ms ? a : b), null);
  const seconds = (value) => (value === null ? null : Number(value.toFixed(3)));
  return {
    samples: values.length,
    p50: seconds(percentile(values, 0.5)),
    p99: seconds(percentile(values, 0.99)),
    max: seconds(percentile(values, 1)),
    max_at_s: worst?.at_s ?? null,
  };
}

/** Everything the sampler of the page has gathered so far. */
export function readSampler(page) {
  return page.evaluate(() => {
    const { firstFrameMs, latencies, glass, unreadable, stalls, skips, reloads, levels, sizes } = globalThis.sampler;
    const quality = document.querySelector('video').getVideoPlaybackQuality();
    const frames = { decoded: quality.totalVideoFrames, dropped: quality.droppedVideoFrames };
    const errors = [...(globalThis.vitrine?.errors ?? [])];
    return { firstFrameMs, latencies, glass, unreadable, stalls, skips, reloads, levels, sizes, frames, errors };
  });
}

/** The sampler's report as it is printed. */
export function report(seen) {
  return {
    first_frame_ms: seen.firstFrameMs,
    latency_s: summary(seen.latencies),
    // Null where no clock is in the picture.
    glass_to_glass_s: seen.glass.length ? { ...summary(seen.glass), unreadable: seen.unreadable } : null,
    stalls: seen.stalls,
    skips: seen.skips,
    reloads: seen.reloads,
    renditions: seen.levels,
    sizes: seen.sizes,
    switches: Math.max(0, seen.levels.length - 1),
    frames: seen.frames,
    errors: seen.errors,
  };
}
