import assert from "node:assert/strict";
import { test } from "node:test";
import { functionColours, placeIn, rowColours } from "../../static/timeline/colours.js";
import { decodeRows, firstAfter, pickRows, rowsOf } from "../../static/timeline/columns.js";
import { applies, litFunctions, litRows } from "../../static/timeline/dim.js";
import { countEvents, eventRows, levelsOf } from "../../static/timeline/events.js";
import { EVENT_KINDS } from "../../static/timeline/filter.js";
import { functionIn } from "../../static/timeline/functions.js";
import { keyOf, legendOf, sumOf } from "../../static/timeline/legend.js";
import { mix, paintRows, rowAt } from "../../static/timeline/raster.js";
import { functionsOf } from "./timeline-fixtures.js";

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

const PALETTE = {
  hues: Uint32Array.from({ length: 24 }, (_, i) => 0xff000000 + i + 1),
  faint: 0xffffffff,
  low: 0xffffffff,
  high: 0xff000000,
  states: Uint32Array.from({ length: 7 }, (_, i) => i),
};
const FUNCTIONS = functionsOf(["main", "Box.fill"]);
const facts = (more) => ({
  functionOf: (id) => functionIn(FUNCTIONS, id),
  functions: FUNCTIONS,
  totals: new Map([
    [0, { calls: 1, self: 5e6 }],
    [-1, { calls: 3, self: 7e6 }],
  ]),
  palette: PALETTE,
  filter: (text) => text,
  shares: null,
  of: "in view",
  threads: [],
  processes: [],
  paused: { count: 0, total: 0 },
  ...more,
});

test("the loops of other drivers are in every legend of functions, in the colour they are drawn in", () => {
  for (const mode of ["function", "frequency", "self"]) {
    const { entries } = legendOf(mode, facts());
    const colours = functionColours(mode, FUNCTIONS, facts().totals, PALETTE);
    assert.deepEqual(
      entries.map(({ text, colour }) => [text, colour]),
      [
        ["(another driver's loop)", colours[2]],
        ["main", colours[0]],
      ],
    );
    assert.equal(colours[placeIn(colours, -1)], colours[2]);
  }
  const [first] = legendOf("package", facts()).entries;
  assert.deepEqual([first.text, first.act], ["another driver's loops", `pkg:"another driver's loops"`]);
  const loop = decodeRows(eventRows({}), { start: 0, end: 1, resolution: 1 });
  const rows = { ...loop, length: 1, what: Int32Array.of(-1), state: Int32Array.of(-1) };
  const look = { functions: Uint32Array.of(1, 2, 3), states: Uint32Array.of(9), row: null, highlight: -2 };
  assert.deepEqual([...rowColours(rows, look, null)], [3]);
  assert.deepEqual([...rowColours(rows, { ...look, dim: 7 }, litRows(Uint8Array.of(1, 1, 0), null))], [7]);
});

test("the colours above the calls have names, but those of tracks that are hidden", () => {
  const events = Uint32Array.from(EVENT_KINDS, (_, i) => i);
  const of = (more) =>
    keyOf({
      palette: { ...PALETTE, events },
      shares: [0.25, 0.5, 0, 0, 0, 0, 0.25],
      hidden: new Set(),
      whose: "in view",
      bands: new Set(["gc"]),
      ...more,
    }).map(({ title, note, entries }) => [title, note, entries.map(({ text }) => text).join(" ")]);
  const [state, jit, gc] = of({});
  assert.deepEqual(state, ["VM state", "in view", "interpreted jitted unknown"]);
  assert.deepEqual(jit, ["JIT", "", "tracing optimising assembling aborted"]);
  assert.deepEqual(gc, ["GC", "bands: hatched falling", "minor step of a major major"]);
  assert.deepEqual(of({ hidden: new Set(["ribbon", "gc"]) }), [jit]);
  assert.deepEqual(of({ shares: null }), [jit, gc]);
});

test("threads and processes are counted with what was called in them, states with what they are of", () => {
  const parts = [
    { title: "MainThread", hue: 0, sum: { calls: 2, self: 3e6 } },
    { title: "worker", hue: 25, sum: null },
  ];
  for (const [mode, key] of [
    ["thread", "threads"],
    ["process", "processes"],
  ]) {
    const { entries } = legendOf(mode, facts({ [key]: parts }));
    assert.deepEqual(
      entries.map(({ text, note, colour }) => [text, note, colour]),
      [
        ["MainThread", "2 · 3.00 ms", PALETTE.hues[0]],
        ["worker", "nothing recorded", PALETTE.hues[1]],
      ],
    );
  }
  const states = legendOf("state", facts({ shares: [0.5, 0.5, 0, 0, 0, 0, 0], of: "of A, in view" }));
  assert.equal(states.title, "VM states of A, in view");
  assert.equal(states.entries.length, 2);
  assert.deepEqual(sumOf(facts().totals), { calls: 4, self: 12e6 });
});

test("graying by class leaves all as it is around a function without one", () => {
  const [main, fill] = FUNCTIONS;
  assert.equal(litFunctions(FUNCTIONS, ["class"], main, null), null);
  assert.deepEqual([...litFunctions(FUNCTIONS, ["class"], fill, null)], [0, 1, 0]);
  assert.deepEqual([applies("class", main), applies("module", main)], [false, true]);
});

test("what is inside a call is cut to depths, and freed of functions that led to it", () => {
  const rows = rowsFrom([
    [0, 100],
    [100, 200],
    [200, 300],
  ]);
  const span = { here: true, start: 100, end: 300 };
  const lit = (inside) => [0, 1, 2].filter((i) => litRows(null, inside)(rows, i));
  assert.deepEqual(lit(span), [1, 2]);
  assert.deepEqual(lit({ ...span, without: new Set([2]) }), [1]);
  assert.deepEqual(lit({ ...span, most: -1 }), []);
});

test("events of some kinds are counted, with those that are folded", () => {
  const columns = decodeRows(
    eventRows({
      minor: { start: [10, 500], duration: [5, 50], count: [1, 30], busy: [5, 20], id: [0, 7] },
      abort: { start: [20], duration: [5], count: [1], busy: [5], id: [0] },
    }),
    { start: 0, end: 1000, resolution: 1 },
  );
  assert.equal(
    countEvents(columns, [0, 1000], (kind) => kind === "minor"),
    31,
  );
  assert.equal(
    countEvents(columns, [12, 400], () => true),
    2,
  );
});
