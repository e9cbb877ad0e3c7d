import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { leastUsedCache } from "../../static/timeline/cache.js";
import { functionColours, hash, identity, rowColours, stableColour } from "../../static/timeline/colours.js";
import { decodeRows, firstAfter, rowsOf } from "../../static/timeline/columns.js";
import { COMMANDS, commandOf } from "../../static/timeline/commands.js";
import { sumTotals } from "../../static/timeline/data.js";
import { litFunctions, litRows } from "../../static/timeline/dim.js";
import { eventBeside, eventRows } from "../../static/timeline/events.js";
import { FilterFault, makeMatcher, onlyText, parseFilter } from "../../static/timeline/filter.js";
import { classOf, completeFunctions } from "../../static/timeline/functions.js";
import {
  clampRange,
  covers,
  layoutBlocks,
  paintOrder,
  placeAt,
  resolutionOf,
  rowTop,
  windowFor,
  zoomRange,
} from "../../static/timeline/geometry.js";
import { cutMiddle, labelPlace } from "../../static/timeline/labels.js";
import { dropMissing } from "../../static/timeline/missing.js";
import { pauseAt, pausedNote, pausedTime, pausesIn, pauseWords } from "../../static/timeline/pauses.js";
import { mix, paintRows, rowAt } from "../../static/timeline/raster.js";
import { memoryPoints, paintStack } from "../../static/timeline/ribbon.js";
import { momentText, rulerOf, tickText } from "../../static/timeline/ticks.js";
import { readState, writeState } from "../../static/timeline/url-state.js";
import { functionsOf, sevenRows } from "./timeline-fixtures.js";

const WINDOW = { start: 0, end: 50e6, resolution: 1 };
const seven = () => decodeRows(sevenRows(), WINDOW);
const PAPER = 0xffffffff;

test("the seven calls are rows by depth and start", () => {
  const columns = seven();
  assert.equal(columns.depths, 3);
  assert.deepEqual(rowsOf(columns, 1), [1, 4]);
  assert.deepEqual([...columns.begin], [0, 1e6, 10e6, 39e6, 11e6, 13e6, 18e6]);
  assert.deepEqual([...columns.what], [0, 1, 2, 5, 3, 3, 4]);
});

test("a row is found by time and by nearness", () => {
  const columns = seven();
  const scale = { from: 0, perNs: 1e-5 };
  assert.equal(firstAfter(columns, 1, 8e6), 2);
  assert.equal(firstAfter(columns, 7, 0), 0);
  assert.equal(rowAt(columns, 1, scale, 90), -1);
  assert.equal(rowAt(columns, 1, scale, 98.6, 2), 2);
  assert.equal(rowAt(columns, 2, scale, 115), 4);
  assert.equal(rowAt(columns, 7, scale, 115), -1);
});

test("zooming keeps what is under the pointer, and nothing leaves the run", () => {
  const domain = [0, 1000_000];
  const [from, to] = zoomRange([0, 1000_000], 4, 250_000, domain);
  assert.equal((250_000 - from) / (to - from), 0.25);
  assert.deepEqual(zoomRange([0, 500_000], 0.001, 100_000, domain), domain);
  assert.deepEqual(clampRange([-50_000, 50_000], domain), [0, 100_000]);
  const [low, high] = clampRange([500, 501], domain);
  assert.equal(high - low, 1000);
  assert.deepEqual(clampRange([0, 5], [0, 10]), [0, 10]);
});

test("a view's window is three times as wide, shared by neighbours, and chooses the resolution", () => {
  const domain = [0, 3_600e9];
  const view = [100e9, 100.5e9];
  const wanted = windowFor(view, 1200, domain);
  assert.equal(wanted.resolution, resolutionOf(0.5e9, 1200));
  assert.equal(2 ** Math.floor(Math.log2((wanted.end - wanted.start) / wanted.width)), wanted.resolution);
  assert.ok(covers(wanted, view, 1200, domain));
  assert.ok(wanted.start <= 99.5e9 && wanted.end >= 101e9 && wanted.end - wanted.start < 4 * 0.5e9);
  assert.deepEqual(windowFor([100.0001e9, 100.5001e9], 1200, domain), wanted);
  assert.ok(!covers(wanted, [98e9, 98.5e9], 1200, domain));
  assert.ok(!covers(wanted, [100e9, 100.1e9], 1200, domain));
  const all = windowFor([0, 10_000], 1200, [0, 10_000]);
  assert.deepEqual([all.start, all.end, all.resolution], [0, 10_000, 8]);
});

test("a view is drawn from the finest windows at hand, the coarse ones below", () => {
  const whole = { start: 0, end: 1000, resolution: 16 };
  const fine = { start: 100, end: 300, resolution: 1 };
  const other = { start: 600, end: 900, resolution: 1 };
  assert.deepEqual(paintOrder([whole, fine, other], [150, 250]), [fine]);
  assert.deepEqual(paintOrder([whole, fine, other], [250, 400]), [whole, fine]);
  assert.deepEqual(paintOrder([fine], [400, 500]), []);
  assert.deepEqual(paintOrder([whole, fine], [150, 250], 32), [whole]);
  assert.deepEqual(paintOrder([whole, fine], [150, 250], 8), [fine]);
});

test("blocks lie below each other, and a height tells the depth", () => {
  const blocks = [{ depths: 3 }, { depths: 2, folded: true }, { depths: 2, upward: true }];
  const { tops } = layoutBlocks(blocks);
  assert.deepEqual(placeAt(tops[0] + 22 + 16, blocks, tops), { block: 0, depth: 1 });
  assert.deepEqual(placeAt(tops[1] + 1, blocks, tops), { block: 1, depth: -1 });
  assert.equal(placeAt(tops[1] + 23, blocks, tops), null);
  assert.deepEqual(placeAt(rowTop(blocks[2], tops[2], 1), blocks, tops), { block: 2, depth: 1 });
});

/** Paint the seven calls into lines of `width` pixels. */
function paintSeven(width, from, to, more = {}) {
  const columns = more.columns ?? seven();
  const colours = more.colours ?? Uint32Array.from(columns.what, (what) => 0xff000000 | (what + 1));
  const image = new Uint32Array(width * 3).fill(PAPER);
  const rows = [0, 1, 2].map((depth) => ({ depth, y: depth, height: 1 }));
  const scale = { from, perNs: width / (to - from) };
  paintRows(image, width, [{ columns, colours }], scale, rows, { top: 0, bottom: 3, gap: 0, paper: PAPER });
  return [0, 1, 2].map((y) => [...image.slice(y * width, (y + 1) * width)]);
}

test("calls are painted at their place, with a gap before an equal neighbour", () => {
  const [main, children, deepest] = paintSeven(50, 0, 50e6);
  assert.ok(main.slice(0, 49).every((pixel) => pixel === (0xff000001 | 0) >>> 0));
  assert.equal(main[49], PAPER);
  assert.equal(children[0], PAPER);
  assert.equal(children[1], 0xff000002);
  assert.deepEqual(children.slice(7, 11), [PAPER, PAPER, PAPER, 0xff000003]);
  assert.deepEqual(deepest.slice(11, 14), [0xff000004, PAPER, 0xff000004]);
});

test("calls too short for a pixel leave ink by how busy it is, and the longest gives the colour", () => {
  const rows = {
    depth: [0, 0, 0],
    start: [0, 100, 100],
    duration: [40, 60, 10],
    function: [1, 2, 1],
    count: [1, 1, 1],
    busy: [40, 60, 10],
    call: [0, 1, 2],
  };
  const columns = decodeRows(rows, { start: 0, end: 4000, resolution: 1 });
  const [[first, second]] = paintSeven(4, 0, 4000, { columns, colours: Uint32Array.of(1, 2, 3) });
  assert.equal(first, mix(2, PAPER, 0.45));
  assert.equal(second, PAPER);
  const dense = { ...rows, duration: [90, 90, 700], busy: [90, 90, 700] };
  const [[ink]] = paintSeven(4, 0, 4000, {
    columns: decodeRows(dense, { start: 0, end: 4000, resolution: 1 }),
    colours: Uint32Array.of(0xff000000, 0xff000000, 0xff000000),
  });
  assert.ok((ink & 0xff) < 0x40);
});

test("a finer window is painted over a coarser one, which stays where there is no finer", () => {
  const coarse = decodeRows(
    { depth: [0], start: [0], duration: [100], function: [0], count: [9], busy: [100], call: [0] },
    { start: 0, end: 100, resolution: 64 },
  );
  const fine = decodeRows(
    { depth: [0], start: [10], duration: [20], function: [1], count: [1], busy: [20], call: [3] },
    { start: 50, end: 100, resolution: 1 },
  );
  const image = new Uint32Array(10);
  const layers = [
    { columns: coarse, colours: Uint32Array.of(7) },
    { columns: fine, colours: Uint32Array.of(8) },
  ];
  const size = { top: 0, bottom: 1, gap: 0, paper: PAPER };
  paintRows(image, 10, layers, { from: 0, perNs: 0.1 }, [{ depth: 0, y: 0, height: 1 }], size);
  assert.deepEqual([...image], [7, 7, 7, 7, 7, PAPER, 8, 8, PAPER, PAPER]);
});

test("rows are cut at the image's edges", () => {
  const columns = seven();
  const image = new Uint32Array(8 * 10);
  const colours = new Uint32Array(columns.length).fill(5);
  const rows = [
    { depth: 0, y: -3, height: 6 },
    { depth: 1, y: 8, height: 6 },
  ];
  const size = { top: 0, bottom: 10, gap: 1, paper: PAPER };
  paintRows(image, 8, [{ columns, colours }], { from: 0, perNs: 8 / 50e6 }, rows, size);
  const lines = Array.from({ length: 10 }, (_, y) => image[y * 8]);
  assert.deepEqual(lines, [5, 5, 0, 0, 0, 0, 0, 0, mix(5, PAPER, 1) && image[8 * 8], image[9 * 8]]);
});

test("a function's colour hangs on its name and file alone", () => {
  const hues = Uint32Array.from({ length: 24 }, (_, i) => i);
  const here = { id: 3, qualname: "Body.push", module: "__main__", path: "/home/a/prog.py" };
  const there = { id: 90, qualname: "Body.push", module: null, path: "/srv/b/prog.py" };
  assert.equal(stableColour(identity(here), hues), stableColour(identity(there), hues));
  assert.notEqual(hash("foo"), hash("fop"));
  const used = new Set(Array.from({ length: 400 }, (_, i) => hash(`function_${i}`) % 24));
  assert.equal(used.size, 24);
});

test("colours by calls and self time go from faint to full", () => {
  const functions = functionsOf(["a", "b", "c"]);
  const totals = new Map([
    [0, { calls: 1000, self: 0 }],
    [1, { calls: 1, self: 100 }],
  ]);
  const palette = { hues: Uint32Array.of(0xff0000ff), faint: 0xffffffff, low: 0xffffffff, high: 0xff000000 };
  const calls = functionColours("frequency", functions, totals, palette);
  assert.deepEqual([calls[0], calls[2]], [0xff0000ff, 0xffffffff]);
  assert.ok((calls[1] & 0xff00) > 0x8000);
  const self = functionColours("self", functions, totals, palette);
  // The last is of another driver's loops.
  assert.deepEqual([...self], [0xffffffff, 0xff000000, 0xffffffff, 0xffffffff]);
});

test("rows that are grayed, folded or pointed at change their colour", () => {
  const columns = seven();
  const look = {
    functions: new Uint32Array(6).fill(0xff0000ff),
    states: Uint32Array.of(1, 2),
    row: null,
    byState: false,
    paper: PAPER,
    dim: 0xff808080,
    ink: 0xff000000,
    highlight: 3,
  };
  const colours = rowColours(columns, look, (each, i) => each.depth[i] > 0);
  assert.equal(colours[0], 0xff808080);
  assert.equal(colours[1], 0xff0000ff);
  assert.equal(colours[4], colours[5]);
  assert.notEqual(colours[4], 0xff0000ff);
  assert.deepEqual(
    [...rowColours(columns, { ...look, byState: true, highlight: -1 }, null)],
    Array(7).fill(2),
  );
});

test("what a call calls is inside it; the ways to gray combine", () => {
  const columns = seven();
  const functions = functionsOf(["main", "foo", "bar", "Box.baz", "Box.fizz", "cleanup"]);
  const bar = { here: true, depth: 1, start: 10e6, end: 38e6 };
  const lit = (modes, anchor, inside, matches = null) => {
    const rows = litRows(litFunctions(functions, modes, functions[anchor], matches), inside);
    return rows === null ? null : [...columns.what].filter((_, i) => rows(columns, i));
  };
  assert.equal(lit([], 2, null), null);
  assert.deepEqual(lit(["inside"], 2, bar), [2, 3, 3, 4]);
  assert.deepEqual(lit(["same"], 3, null), [3, 3]);
  assert.deepEqual(lit(["class"], 3, null), [3, 3, 4]);
  assert.deepEqual(
    lit(["class", "inside"], 3, bar, (each) => each.name !== "baz"),
    [4],
  );
  assert.deepEqual(lit(["inside"], 2, { ...bar, here: false }), []);
});

test("classes are read from qualified names, packages from where a file comes from", () => {
  assert.equal(classOf("Body.push"), "Body");
  assert.equal(classOf("push"), null);
  assert.equal(classOf("f.<locals>.g"), null);
  assert.equal(classOf("f.<locals>.Local.g"), "f.<locals>.Local");
  const groups = completeFunctions([
    { id: 1, qualname: "a", origin: "site", package: "numpy.core", module: "numpy.core.x" },
    { id: 0, qualname: "b", origin: "stdlib", package: "json", module: "json.decoder" },
  ]).map(({ group }) => group);
  assert.deepEqual(groups, ["standard library", "numpy"]);
});

const FUNCTIONS = [
  {
    id: 0,
    name: "hot",
    qualname: "hot",
    path: "/x/prog.py",
    line: 3,
    origin: "program",
    group: "the program",
  },
  { id: 1, name: "push", qualname: "Body.push", path: "/x/prog.py", line: 40, origin: "program", group: "g" },
  {
    id: 2,
    name: "loads",
    qualname: "loads",
    path: "/lib/json/__init__.py",
    line: 9,
    origin: "stdlib",
    package: "json",
    module: "json",
    group: "standard library",
  },
];
const matched = (text) => {
  const { functions } = makeMatcher(parseFilter(text), FUNCTIONS);
  return functions === null ? null : FUNCTIONS.filter(functions).map(({ id }) => id);
};

test("filters match texts, places, patterns, packages and categories", () => {
  assert.equal(matched("  "), null);
  assert.deepEqual(matched("PUSH"), [1]);
  assert.deepEqual(matched("hot push"), [0, 1]);
  assert.deepEqual(matched("prog.py:42"), [1]);
  assert.deepEqual(matched("prog.py:5"), [0]);
  assert.deepEqual(matched("/^(hot|loads)$/"), [0, 2]);
  assert.deepEqual(matched("/body\\.p/i"), [1]);
  assert.deepEqual(matched("pkg:json"), [2]);
  assert.deepEqual(matched("-name:push cat:program"), [0]);
  assert.deepEqual(matched('pkg:"standard library"'), [2]);
  assert.deepEqual(matched("cat:gc"), []);
  assert.deepEqual(matched('name:"push"'), []);
  assert.deepEqual(matched('name:"BODY.push" name:ho'), [0, 1]);
});

test("a function alone is matched by its name, and by its place where others have that name", () => {
  const modules = ["/a b/x.py", "/a b/y.py"].map((path, id) => ({ id, qualname: "<module>", path, line: 1 }));
  const functions = [...modules, { id: 2, qualname: "run", path: "/a b/x.py", line: 1 }];
  const found = (text) => {
    const test = makeMatcher(parseFilter(text), functions).functions;
    return functions.filter(test).map(({ id }) => id);
  };
  for (const each of functions) assert.deepEqual(found(onlyText(each, functions)), [each.id]);
  assert.equal(onlyText(functions[2], functions), 'name:"run"');
  assert.equal(onlyText(modules[1], functions), 'name:"<module>" file:"/a b/y.py:1"');
  assert.deepEqual(found("x.py:7"), [0, 2]);
});

test("events are matched by category alone", () => {
  const kinds = (text) => makeMatcher(parseFilter(text), FUNCTIONS).events;
  assert.equal(kinds("push"), null);
  assert.ok(kinds("cat:gc")("major step") && !kinds("cat:gc")("abort"));
  assert.ok(kinds('cat:"major step"')("major step") && !kinds("-cat:minor")("minor"));
});

test("a filter that can't be read is refused in a sentence", () => {
  for (const [text, part] of [
    ["/(/", "regular expression"],
    ["/open", "closing"],
    ["/push/g", "“g”"],
    ["/push/iy", "“y”"],
    ['"open', "quotation"],
    ["colour:red", "no field"],
    ["cat:cats", "no category"],
    ["pkg:", "pkg:"],
  ])
    assert.throws(
      () => parseFilter(text),
      (fault) => fault instanceof FilterFault && fault.message.includes(part),
    );
});

test("the state goes into the URL and comes back", () => {
  assert.equal(writeState(readState("")), "");
  const query =
    "?view=lines&at=5-100&in=2-4&range=7-9&call=2.exact.17&event=major step.4&of=3&spot=callees.3.-1.6&function=6&filter=a+-b&colour=self&gray=inside,same" +
    "&bands=gc&hide=jit&fold=1,2&sampled=0&sort=calls&order=asc&y=40";
  const state = readState(query);
  assert.deepEqual(state.call, { thread: 2, source: "exact", call: 17 });
  assert.equal(readState("?of=-1").of, -1);
  assert.deepEqual(state.event, { kind: "major step", id: 4 });
  assert.deepEqual(readState(writeState(state)), state);
  assert.deepEqual(readState("?view=x&at=9-3&call=z&gray=no&sort=1"), readState(""));
});

test("what a link names in vain is dropped and told", () => {
  const threads = [{ id: 0, sources: [{ source: "sampled", calls: 5 }] }];
  const there = readState("?thread=0&call=0.sampled.4&event=major step.4");
  assert.deepEqual(dropMissing(there, threads), []);
  assert.deepEqual([there.thread, there.call.call, there.event], [0, 4, { kind: "major step", id: 4 }]);
  const gone = readState("?thread=9&call=0.sampled.5&event=nosuch.4");
  assert.deepEqual(dropMissing(gone, threads), [
    "The run has no thread 9.",
    "The run has no sampled call 5 in thread 0.",
    "There are no events of the kind nosuch.",
  ]);
  assert.deepEqual([gone.thread, gone.call, gone.event], [null, null, null]);
});

test("no key means two things, and every view and way to gray has one", () => {
  const all = COMMANDS.flatMap(({ keys = [], codes = [] }) => [...keys, ...codes]);
  assert.equal(new Set(all).size, all.length);
  // French, Russian, Dvorak: the place of W; the letter of the place; the letter typed, at the place of W.
  assert.equal(commandOf({ key: "z", code: "KeyW" }), "zoomIn");
  assert.equal(commandOf({ key: "ц", code: "KeyW" }), "zoomIn");
  assert.equal(commandOf({ key: "т", code: "KeyN" }), "nextMatch");
  assert.equal(commandOf({ key: ",", code: "KeyW" }), "previousEvent");
  assert.equal(commandOf({ key: "é", code: "Digit2" }), null);
  assert.equal(commandOf({ key: "F", code: "KeyF" }), "zoomToCall");
  assert.equal(commandOf({ key: "N", code: "KeyN", shiftKey: true }), "previousMatch");
  assert.equal(commandOf({ key: "w", code: "KeyW", ctrlKey: true }), null);
  assert.equal(commandOf({ key: "f", code: "KeyF", metaKey: true }), "filter");
});

test("the cache lets go of the least used, never of what is pinned", () => {
  const cache = leastUsedCache(3);
  cache.put("whole", 0, 1, true);
  cache.put("a", 1);
  cache.put("b", 2);
  cache.get("a");
  cache.put("c", 3);
  assert.deepEqual(
    [cache.has("whole"), cache.has("a"), cache.has("b"), cache.has("c")],
    [true, true, false, true],
  );
  assert.equal(cache.weight, 3);
});

test("ticks count from a round time where the view is far in", () => {
  const whole = rulerOf([0, 4.2e9]);
  assert.deepEqual([whole.unit.name, whole.base], ["s", 0]);
  assert.equal(tickText(1.5, 0.5, whole), "1.5 s");
  const deep = rulerOf([2.0000001e9, 2.00002e9]);
  assert.equal(deep.unit.name, "µs");
  assert.equal(deep.base, 2e9);
  assert.equal(tickText(5, 5, deep), "+5 µs");
  assert.equal(tickText(12.5, 0.5, rulerOf([0, 3600e9])), "12:30 min");
  assert.equal(momentText(1_234_567_890, 5e6), "1.234568 s");
  assert.equal(momentText(200_000_000, 200e6), "200.0 ms");
});

test("no moment is told more exactly than to a nanosecond", () => {
  assert.equal(momentText(1_234_567_891, 20), "1.234567891 s");
  assert.equal(momentText(1_234_567_890, 20), "1.23456789 s");
  assert.equal(momentText(513_741_369, 20), "513.741369 ms");
  assert.equal(momentText(41_053_340, 0), "41.05334 ms");
  assert.equal(momentText(41_000_000, 0), "41 ms");
  assert.equal(momentText(1_234, 0), "1.234 µs");
  assert.equal(momentText(999, 20), "999 ns");
  assert.equal(momentText(0, 0), "0 ns");
  assert.equal(momentText(100, 0), "100 ns");
  assert.equal(momentText(3_333.4, 1000), "3.333 µs");
});

test("labels are cut in the middle and stay in sight", () => {
  assert.equal(cutMiddle("hot_loop_of_prog", 9), "hot_…prog");
  assert.equal(cutMiddle("hot", 9), "hot");
  assert.equal(cutMiddle("hot_loop", 5), "");
  assert.deepEqual(labelPlace(-50, 100, 300), { x: 4, room: 92 });
  assert.equal(labelPlace(290, 400, 300), null);
});

test("events become rows of tracks that can be stepped through", () => {
  const columns = decodeRows(
    eventRows({
      tracing: { start: [100], duration: [50], count: [1], busy: [50], id: [4] },
      minor: { start: [10, 500], duration: [5, 5], count: [1, 3], busy: [5, 2], id: [0, 7] },
    }),
    { start: 0, end: 1000, resolution: 1 },
  );
  assert.deepEqual([...columns.begin], [100, 10, 510]);
  const every = () => true;
  assert.equal(eventBeside(columns, 10, true, every), 0);
  assert.equal(eventBeside(columns, 100, true, every), 2);
  assert.equal(eventBeside(columns, 100, false, every), 1);
  assert.equal(eventBeside(columns, 510, true, every), -1);
});

test("shares are stacked from the bottom; memory has points where it was measured", () => {
  const answer = {
    start_ns: 0,
    resolution_ns: 50,
    shares: [
      [250, 0],
      [750, 1000],
    ],
    samples: [4, 0],
  };
  const pixels = new Uint32Array(2 * 4);
  paintStack(pixels, 2, 4, answer, { from: 0, perNs: 0.02 }, Uint32Array.of(1, 2));
  assert.deepEqual([...pixels], [2, 2, 2, 2, 2, 2, 1, 2]);
  const memory = { start_ns: 10, resolution_ns: 4, memory: [-1, 99] };
  assert.deepEqual(memoryPoints(memory), [{ time: 16, bytes: 99 }]);
});

test("the page about the time line names every key", () => {
  const page = readFileSync(new URL("../../docs/timeline.md", import.meta.url), "utf8");
  const missing = COMMANDS.filter(({ shown, does }) => {
    const keys = shown.split(" ").map((key) => `\`${key}\``);
    return !page.includes(`| ${keys.join(" ")} | ${does} |`);
  });
  assert.deepEqual(missing, []);
});

test("pauses in view are found, and those too near to tell apart are one", () => {
  const paused = [
    [0, 5],
    [10, 20],
    [22, 24],
    [90, 91],
  ];
  assert.deepEqual(pausesIn(paused, [6, 60], 540), [
    { start: 10, end: 20, busy: 10, count: 1 },
    { start: 22, end: 24, busy: 2, count: 1 },
  ]);
  assert.deepEqual(pausesIn(paused, [0, 100], 20), [
    { start: 0, end: 5, busy: 5, count: 1 },
    { start: 10, end: 24, busy: 12, count: 2 },
    { start: 90, end: 91, busy: 1, count: 1 },
  ]);
  assert.equal(pauseAt(paused, [0, 100], 1000, 100)?.start, 10);
  assert.equal(pauseAt(paused, [0, 100], 1000, 99)?.start, 10);
  assert.equal(pauseAt(paused, [0, 100], 1000, 70), null);
  assert.deepEqual(pausesIn([], [0, 100], 1000), []);
});

test("pauses are counted as far as they lie in the selected time", () => {
  const processes = [{ paused: [[0, 5e6]] }, { paused: [[4e6, 8e6]] }];
  assert.deepEqual(pausedTime(processes, null), { count: 2, total: 9e6 });
  assert.deepEqual(pausedTime(processes, [6e6, 7e6]), { count: 1, total: 1e6 });
  assert.equal(pausedNote(processes), "paused 2 times, 9.00 ms");
  assert.equal(pausedNote([{ paused: [] }]), null);
  assert.match(pauseWords({ start: 0, end: 5e6, busy: 5e6, count: 1 }), /^paused for 5.00 ms: .* at 0/);
  assert.match(
    pauseWords({ start: 0, end: 5e6, busy: 1e6, count: 3 }),
    /^3 pauses in 5.00 ms, 1.00 ms together/,
  );
});

test("parts interpreted and jitted are told where samples tell them of every thread", () => {
  const rows = (more) => ({
    function: [0, 1],
    total_ns: [100, 50],
    self_ns: [50, 50],
    calls: [1, 2],
    largest_ns: [100, 30],
    largest_call: [0, 1],
    interpreted: [],
    jitted: [],
    compiled_ns: [-1, 40],
    ...more,
  });
  const sampled = {
    thread: 0,
    source: "sampled",
    functions: rows({ interpreted: [800, 200], jitted: [0, 800] }),
  };
  const exact = { thread: 1, source: "exact", functions: rows({ function: [1, 2], compiled_ns: [40, -1] }) };
  const sums = sumTotals([sampled, exact]);
  const parts = [0, 1, 2].map((id) => {
    const { interpreted, jitted, compiled } = sums.get(id);
    return { interpreted, jitted, compiled };
  });
  assert.deepEqual(parts, [
    { interpreted: 40, jitted: 0, compiled: -1 },
    { interpreted: null, jitted: null, compiled: 40 },
    { interpreted: null, jitted: null, compiled: -1 },
  ]);
  assert.deepEqual(sumTotals([exact, sampled]).get(1).jitted, null);
});
