import { expect, test } from "vitest";
import { correction } from "../src/sync.ts";

test.each([
  ["together", 0.01, 1, { kind: "rate", rate: 1 }],
  ["a little behind, not worth a correction", 0.025, 1, { kind: "rate", rate: 1 }],
  ["a little behind, while catching up", 0.025, 1.02, { kind: "rate", rate: 1.01 }],
  ["behind", 0.1, 1, { kind: "rate", rate: 1.03 }],
  ["far behind", 1, 1, { kind: "rate", rate: 1.06 }],
  ["ahead", -0.1, 1, { kind: "rate", rate: 0.97 }],
  ["caught up", 0.005, 1.01, { kind: "rate", rate: 1 }],
  ["too far to catch up", 2.5, 1, { kind: "jump", by: 2.5 }],
  ["too far ahead to wait for", -2.5, 1, { kind: "jump", by: -2.5 }],
] as const)("%s", (_where, behind, rate, expected) => {
  expect(correction(behind, rate)).toEqual(expected);
});

test.each([1.4, 0.3, -0.3, -1.4])("%d s off, a viewer is together within a minute, and stays", (start) => {
  let [behind, rate] = [start, 1];
  const step_s = 0.25;
  for (let step = 0; step < 240; step++) {
    const next = correction(behind, rate);
    if (next.kind === "rate") rate = next.rate;
    behind -= (rate - 1) * step_s;
  }
  expect(Math.abs(behind)).toBeLessThan(0.03);
});
