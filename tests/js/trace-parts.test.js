import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { byPlace } from "../../static/abort-places.js";
import { encodingOf } from "../../static/encoding.js";
import { reasonMeaning, reasonTitle } from "../../static/reasons.js";
import { isVariable, shortArgument, shortDescr } from "../../static/trace/names.js";
import { outlineBins } from "../../static/trace/outline.js";
import { flatten, pathOf } from "../../static/trace/rows.js";
import { findRows, nextHit, opText } from "../../static/trace/search.js";
import { opOfHash, readState, toggled, writeState } from "../../static/trace/state.js";
import { INPUTS, indexVariables } from "../../static/trace/variables.js";
import { large, nested, op, point, segment, trace } from "./fixtures.js";

const LEVELS = { levels: new Set(["source", "bytecode", "resops"]), folded: new Set(), parts: new Set() };
const rowsOf = (view) => flatten(view, pathOf(view), LEVELS);

test("a variable has one definition and its uses, fail arguments among them", () => {
  const index = indexVariables(nested());
  assert.deepEqual(index.get("i2"), { definition: 1, uses: [2, 3] });
  assert.deepEqual(index.get("i1"), { definition: INPUTS, uses: [0, 1, 3] });
  assert.deepEqual(index.get("p0").uses, [0, 2, 5]);
  assert.equal(index.get("1"), undefined);
});

test("a label defines the arguments nothing before it does", () => {
  const ops = [
    op(0, "label", { args: ["i7", "p0"] }),
    op(1, "int_add", { result: "i8", args: ["i7", "i7"] }),
  ];
  const index = indexVariables(trace([segment(0, 0, 0, 1, [point(0, "X", ops)])]));
  assert.deepEqual(index.get("i7"), { definition: 0, uses: [1] });
  assert.deepEqual(index.get("p0"), { definition: INPUTS, uses: [0] });
});

test("variables are told from constants", () => {
  assert.deepEqual(["p12", "i5", "f3"].map(isVariable), [true, true, true]);
  assert.deepEqual(["1", "ConstPtr(ptr20)", "ptr20", "", null].map(isVariable), [
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("arguments and descrs are shortened to what one reads", () => {
  assert.equal(shortArgument("ConstClass(W_IntObject)"), "W_IntObject");
  assert.equal(shortArgument("ConstClass(pypy.objspace.W_ListObject)"), "W_ListObject");
  assert.equal(shortArgument("ConstPtr(null)"), "null");
  assert.equal(shortArgument("139681514680224"), "139681514680224");
  // tests/terminal/test_descrs.py holds the terminal against the same file.
  const cases = JSON.parse(readFileSync(new URL("descrs.json", import.meta.url)));
  assert.equal(shortDescr(null), null);
  for (const [descr, text] of cases) assert.equal(shortDescr(descr), text);
});

test("the state goes into the URL and comes back", () => {
  const inlined = [2, 3, 7];
  const texts = [
    "",
    "?show=source,code",
    "?fold=2,7",
    "?fold=all",
    "?stage=traced&show=resops&fold=3&parts=entry&fails=1&pin=i5",
  ];
  for (const text of texts) assert.equal(writeState(readState(text, inlined), inlined), text);
});

test("nonsense in the URL is passed over", () => {
  const state = readState("?show=x,&fold=a,1.5,2&q=1", [2]);
  assert.deepEqual([...state.levels], ["source", "bytecode", "resops"]);
  assert.deepEqual([...state.folded], [2]);
  assert.equal(opOfHash("#op-17"), 17);
  assert.equal(opOfHash("#op-x"), null);
  assert.equal(opOfHash(""), null);
});

test("the last level can't be switched off", () => {
  const one = new Set(["source"]);
  assert.equal(toggled(one, "source", 1), one);
  assert.deepEqual([...toggled(one, "code", 1)], ["source", "code"]);
});

test("text is found in every kind of row, and hits are gone through in both directions, round the end", () => {
  const view = nested();
  const rows = rowsOf(view);
  const hits = findRows(rows, view, "INT_");
  assert.equal(hits.length, 3);
  assert.equal(findRows(rows, view, "line 30").length, 1);
  assert.equal(findRows(rows, view, "load_fast").length, 4);
  assert.deepEqual(findRows(rows, view, "  "), []);
  assert.equal(nextHit(hits, hits[0], true), hits[1]);
  assert.equal(nextHit(hits, hits[2], true), hits[0]);
  assert.equal(nextHit(hits, hits[0], false), hits[2]);
  assert.equal(nextHit([], 0, true), null);
});

test("an op is written as PyPy writes it", () => {
  const guard = op(7, "guard_true", { args: ["i2"], descr: "<Guard0x1>", fail: ["p0", null] });
  assert.equal(opText(guard), "#7 guard_true(i2, descr=<Guard0x1>) [p0, None]");
});

test("the outline keeps every row, in at most as many bins as there are pixels", () => {
  const rows = rowsOf(large(900));
  const bins = outlineBins(rows, 100);
  assert.equal(bins.length, 100);
  assert.equal(
    bins.reduce((sum, bin) => sum + bin.rows, 0),
    rows.length,
  );
  assert.equal(Math.max(...bins.map((bin) => bin.depth)), 2);
  assert.equal(outlineBins(rowsOf(trace([])), 100).length, 1);
});

test("aborts of one place are together, what cost most first", () => {
  const abort = (id, line, took) => ({
    id,
    driver: "pypyjit",
    function: 1,
    path: "a.py",
    offset: 0,
    line,
    title: "f",
    duration_ns: took,
  });
  const groups = byPlace([abort(0, 1, 5), abort(1, 2, 7), abort(2, 1, 6)]);
  assert.deepEqual(
    groups.map((group) => group.map(({ id }) => id)),
    [[0, 2], [1]],
  );
});

test("a bundle's packing is told by its first bytes", () => {
  assert.equal(encodingOf([0x1f, 0x8b, 8, 0]), "gzip");
  assert.equal(encodingOf([0x28, 0xb5, 0x2f, 0xfd]), "zstd");
  assert.equal(encodingOf([0x7b, 0x22]), null);
  assert.equal(encodingOf([]), null);
});

test("a reason that isn't known keeps PyPy's name", () => {
  assert.equal(reasonTitle("ABORT_TOO_LONG"), "Trace too long");
  assert.equal(reasonTitle("ABORT_NEW"), "ABORT_NEW");
  assert.equal(reasonMeaning("ABORT_NEW"), null);
});
