// The viewer-request function as CloudFront runs it: one global function, one event.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

const source = readFileSync(new URL("../canonical_query.js", import.meta.url), "utf8");
const { handler } = runInNewContext(`${source}; ({ handler })`);

/** What CloudFront makes of `query`: each name once, with further values under multiValue. */
function parsed(query) {
  const result = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (!result[name]) {
      result[name] = { value };
    } else {
      (result[name].multiValue ??= [{ value: result[name].value }]).push({ value });
    }
  }
  return result;
}

function canonical(query) {
  const request = { method: "GET", uri: "/live/gala/index.m3u8", querystring: parsed(query), headers: {}, cookies: {} };
  const answer = handler({ request });
  return Object.entries(answer.querystring)
    .flatMap(([name, { value, multiValue }]) => (multiValue ?? [{ value }]).map((one) => `${name}=${one.value}`))
    .join("&");
}

const table = [
  ["", ""],
  ["_HLS_msn=7", "_HLS_msn=7"],
  ["_HLS_skip=YES&_HLS_part=2&_HLS_msn=7", "_HLS_msn=7&_HLS_part=2&_HLS_skip=YES"],
  ["CMCD=bl%3D1200&_HLS_msn=7&nc=0.3&token=abc", "_HLS_msn=7"],
  ["_HLS_msn=7&_HLS_msn=8", "_HLS_msn=7"],
  ["_HLS_part=2", "_HLS_part=2"],
  ["_hls_msn=7", ""],
  ["_HLS_report=a", ""],
];

for (const [query, expected] of table) {
  test(`"${query}" is asked for as "${expected}"`, () => assert.equal(canonical(query), expected));
}
