import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeRows, firstAfter, pickRows, rowsOf } from "../../static/timeline/columns.js";
import { eventRows, levelsOf } from "../../static/timeline/events.js";
import { EVENT_KINDS } from "../../static/timeline/filter.js";
import { mix, paintRows, rowAt } from "../../static/timeline/raster.js";

// Black, so that a pixel tells what was mixed with it: red its ink, green over red whose.
const BLACK = 0xff000000;
const WIDTH = 200;
const RED = 255;
const STEP = 8;
const LEAST_INK = 0.45;
const WIDE = 4;
// Nearer to a pixel's edge than this nobody is asked whether it is touched.
const DOUBT = 1 / 256;
const SPAN = EVENT_KINDS.indexOf("span");

/** Numbers between 0 and 1, the same each time (mulberry32). */
function chances(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Rows of one depth: [start, end, busy] each, in order of start. */
function rowsFrom(spans, window = { start: 0, end: 1e9, resolution: 1 }) {
  return decodeRows(
    {
      depth: spans.map(() => 0),
      start: spans.map(([start], i) => start - (i > 0 ? spans[i - 1][0] : window.start)),
      duration: spans.map(([start, end]) => end - start),
      function: spans.map((_, i) => i),
      count: spans.map(([start, end, busy = end - start]) => (busy < end - start ? 2 : 1)),
      busy: spans.map(([start, end, busy = end - start]) => busy),
      call: spans.map((_, i) => i),
    },
    window,
  );
}

function lineOf(columns, scale, width = WIDTH) {
  const colours = Uint32Array.from(
    columns.what,
    (what) => (BLACK | RED | (((what % 30) + 1) * STEP * 256)) >>> 0,
  );
  const image = new Uint32Array(width);
  const edges = { top: 0, bottom: 1, gap: 0, paper: BLACK };
  paintRows(image, width, [{ columns, colours }], scale, [{ depth: 0, y: 0, height: 1 }], edges);
  return image;
}

const inkOf = (pixel) => (pixel & 0xff) / RED;
const whoseOf = (pixel) => Math.round(((((pixel >>> 8) & 0xff) / (pixel & 0xff)) * RED) / STEP) - 1;

/** Calls of all lengths about a pixel, from far below to far above it, some of them folded. */
function someCalls(chance, ns) {
  const spans = [];
  for (let time = Math.floor(chance() * ns); time < WIDTH * ns; ) {
    const length = Math.floor(ns * 10 ** (chance() * 4 - 3));
    const busy = chance() < 0.3 ? Math.floor(length * chance()) : length;
    spans.push([time, time + length, busy]);
    time += length + (chance() < 0.4 ? 0 : Math.floor(ns * 10 ** (chance() * 3 - 2)));
  }
  return spans;
}

/** What a pixel is of, worked out row by row: who touches it, how much of it they are busy. */
function touching(spans, { from, perNs }, pixel) {
  const found = [];
  let doubtful = false;
  for (const [i, [start, end, busy]] of spans.entries()) {
    const [x, stop] = [(start - from) * perNs, (end - from) * perNs];
    const part = Math.min(stop, pixel + 1) - Math.max(x, pixel);
    const within = x >= pixel && x < pixel + 1;
    if (part < -DOUBT || (part <= 0 && !within)) continue;
    const edges = [x, stop].some((edge) => Math.abs(edge - Math.round(edge)) < DOUBT && x !== stop);
    doubtful ||= x === stop ? pixel + 1 - x < DOUBT : edges && (part < DOUBT || stop - pixel - 1 < DOUBT);
    const [length, isWide] = [end - start, stop - x >= WIDE];
    const share = length > 0 ? (Math.max(0, part) * busy) / length : 0;
    found.push({ i, length, share, isWide, ends: isWide && stop <= pixel + 1 });
  }
  return { found, doubtful };
}

test("no pixel that a call touches stays blank, but to part wide calls; its ink and colour are theirs", () => {
  let [seen, gaps] = [0, 0];
  for (let seed = 1; seed <= 40; seed += 1) {
    const chance = chances(seed);
    const ns = 1000 + chance() * 5000;
    const spans = someCalls(chance, ns);
    const scale = { from: chance() * 20 * ns, perNs: 1 / ns };
    const columns = rowsFrom(spans);
    const line = lineOf(columns, scale);
    for (let pixel = 0; pixel < WIDTH; pixel += 1) {
      const { found, doubtful } = touching(spans, scale, pixel);
      if (doubtful) continue;
      const told = `seed ${seed}, pixel ${pixel}`;
      if (found.length === 0) {
        assert.equal(line[pixel], BLACK, told);
        assert.equal(rowAt(columns, 0, scale, pixel + 0.5), -1, told);
        continue;
      }
      seen += 1;
      if (found.some(({ ends }) => ends) && found.every(({ isWide }) => isWide)) {
        assert.equal(line[pixel], BLACK, told);
        gaps += 1;
        continue;
      }
      const rivals = found.filter(({ ends }) => !ends);
      const longest = rivals.reduce((best, each) => (each.length > best.length ? each : best));
      const cover = found.reduce((sum, { share }) => sum + share, 0);
      assert.ok(Math.abs(inkOf(line[pixel]) - Math.min(1, Math.max(LEAST_INK, cover))) < 0.02, told);
      assert.equal(whoseOf(line[pixel]), longest.i % 30, told);
      assert.equal(rowAt(columns, 0, scale, pixel + 0.5), longest.i, told);
    }
  }
  assert.ok(seen > 3000 && gaps > 100);
});

test("a short call at the end of a wide one is seen, and found where it is seen", () => {
  const columns = rowsFrom([
    [0, 1050, 1050],
    [1050, 1060, 10],
    [1300, 2300, 1000],
    [2300, 3300, 1000],
  ]);
  const scale = { from: 0, perNs: 0.01 };
  const line = lineOf(columns, scale, 40);
  assert.equal(whoseOf(line[9]), 0);
  assert.equal(whoseOf(line[10]), 1);
  assert.equal(rowAt(columns, 0, scale, 10.9), 1);
  assert.equal(rowAt(columns, 0, scale, 11.2, 1), 1);
  assert.equal(line[22], BLACK);
  assert.deepEqual([whoseOf(line[21]), whoseOf(line[23])], [2, 3]);
});

test("a folded row's ink is taken once, where it fills pixels and where it doesn't", () => {
  const columns = rowsFrom([
    [0, 1000, 800],
    [2010, 2090, 64],
  ]);
  const line = lineOf(columns, { from: 0, perNs: 0.01 }, 40);
  const colour = (of) => (BLACK | RED | ((of + 1) * STEP * 256)) >>> 0;
  assert.equal(line[5], mix(colour(0), BLACK, 0.8));
  assert.equal(line[20], mix(colour(1), BLACK, 0.64));
});

test("rows that ended before a view are passed over, and what they are in is found", () => {
  const nested = rowsFrom([
    [0, 9000],
    [100, 200],
    [300, 400],
    [5000, 5100],
  ]);
  assert.equal(firstAfter(nested, 0, 4000), 0);
  assert.equal(firstAfter(nested, 0, 9000), 4);
  const line = lineOf(nested, { from: 4000, perNs: 0.05 });
  assert.deepEqual([line[10], line[52]].map(whoseOf), [0, 3]);
  const [some] = [pickRows(nested, [1, 3])];
  assert.deepEqual([some.length, [...rowsOf(some, 0)], [...some.begin]], [2, [0, 2], [100, 5000]]);
  assert.deepEqual([...some.until], [200, 5100]);
});

test("events that nest or overlap stand on levels of their own", () => {
  const at = (start, end) => ({ start, end });
  const spans = [at(0, 100), at(10, 40), at(15, 20), at(50, 90), at(95, 130), at(130, 140)];
  const columns = decodeRows(
    eventRows({
      span: {
        start: spans.map(({ start }, i) => start - (i > 0 ? spans[i - 1].start : 0)),
        duration: spans.map(({ start, end }) => end - start),
        count: spans.map(() => 1),
        busy: spans.map(({ start, end }) => end - start),
        id: spans.map((_, i) => i),
      },
      minor: { start: [3, 7], duration: [2, 2], count: [1, 1], busy: [2, 2], id: [0, 1] },
    }),
    { start: 0, end: 1000, resolution: 1 },
  );
  const levels = levelsOf(columns).map((rows) => {
    const [first, end] = rowsOf(rows, SPAN);
    return [...rows.call.slice(first, end)];
  });
  assert.deepEqual(levels, [[0, 5], [1, 3, 4], [2]]);
  assert.equal(levelsOf(columns), levelsOf(columns));
  assert.deepEqual(levelsOf(rowsFrom([[0, 5]])).length, 1);
});
