import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeRows } from "../../static/timeline/columns.js";
import { matchesAt, paintMatches, wantedOf, windowOfParts } from "../../static/timeline/matches.js";

const PAPER = 0xffffffff;
const INK = 0xff000000;

/** A window of calls, a list of [start, end, busy] for each function. */
function windowFrom(...functions) {
  const rows = { depth: [], start: [], duration: [], function: [], count: [], busy: [], call: [] };
  for (const [depth, spans] of functions.entries()) {
    for (const [i, [start, end, busy = end - start]] of spans.entries()) {
      const row = { depth, start: start - (i > 0 ? spans[i - 1][0] : 0), duration: end - start };
      Object.assign(row, { function: depth, count: 1, busy, call: rows.call.length });
      for (const [key, value] of Object.entries(row)) rows[key].push(value);
    }
  }
  return windowOfParts([decodeRows(rows, { start: 0, end: 100, resolution: 1 })]);
}

function painted(layers, width = 10) {
  const line = new Uint32Array(width);
  paintMatches(line, layers, { from: 0, perNs: width / 100 }, INK, PAPER);
  return [...line].map((pixel) => 255 - (pixel & 255));
}

test("a pixel has the ink of the function that is busiest there", () => {
  const ink = painted([windowFrom([[0, 30]], [[12, 18, 3]], [[50, 51]])]);
  assert.deepEqual(ink.slice(0, 3), [255, 255, 255]);
  assert.equal(ink[4], 0);
  assert.ok(ink[5] > 100 && ink[5] < 255);
});

test("what a finer window has takes the place of the coarse one's", () => {
  const coarse = windowFrom([[0, 100, 50]]);
  const fine = windowFrom([[0, 20]]);
  const ink = painted([coarse, { ...fine, end: 40 }]);
  assert.deepEqual(ink.slice(0, 4), [255, 255, 0, 0]);
  assert.ok(ink[5] > 0 && ink[5] < 255);
});

test("an ink on dark paper is told from it", () => {
  const line = new Uint32Array(2);
  paintMatches(line, [windowFrom([[0, 50]])], { from: 0, perNs: 0.02 }, PAPER, INK);
  assert.deepEqual([...line], [PAPER, INK]);
});

test("pointing finds every function there, the longest first", () => {
  const layers = [windowFrom([[0, 30]], [[12, 18]], [[0, 100]])];
  const found = matchesAt(layers, { from: 0, perNs: 0.1 }, 1.5, 10, 0);
  assert.deepEqual(
    found.map(({ what }) => what),
    [2, 0, 1],
  );
  assert.deepEqual(matchesAt([], { from: 0, perNs: 0.1 }, 1.5, 10, 0), []);
});

test("answers in parts are as wide and as fine as all of them", () => {
  const [one] = windowFrom([[0, 30]]).parts;
  const other = { ...one, start: 10, end: 90, resolution: 4 };
  const { start, end, resolution, length } = windowOfParts([one, other]);
  assert.deepEqual([start, end, resolution, length], [10, 90, 4, 2]);
});

test("of the functions that pass those with most time are looked for", () => {
  const sums = new Map([
    [1, { total: 5 }],
    [2, { total: 9 }],
    [3, { total: 7 }],
    [4, { total: 99 }],
  ]);
  assert.deepEqual(
    wantedOf(sums, (id) => id < 4, 2),
    { ids: [2, 3], all: 3 },
  );
});
