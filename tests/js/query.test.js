import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countBy,
  hasTerm,
  isColumn,
  matcher,
  parseQuery,
  queryText,
  sortTraces,
  toggleTerm,
} from "../../static/query.js";

const TRACES = [
  {
    id: 0,
    kind: "loop",
    driver: "pypyjit",
    title: "hot_loop",
    path: "/x/prog.py",
    line: 29,
    name: "Loop 1",
    time_ns: 500,
    samples: 5,
    runs: null,
  },
  {
    id: 1,
    kind: "bridge",
    driver: "pypyjit",
    title: "Body.push",
    path: "/x/body.py",
    line: 3,
    name: "bridge",
    time_ns: 900,
    samples: 4,
    runs: 4,
  },
  {
    id: 2,
    kind: "entry bridge",
    driver: "re",
    title: "re Search",
    path: null,
    line: null,
    name: "Loop 2",
    time_ns: 500,
    samples: 5,
    runs: 7,
  },
];
const ids = (text) => TRACES.filter(matcher(text)).map((trace) => trace.id);

test("an empty filter takes everything", () => {
  assert.deepEqual(ids(""), [0, 1, 2]);
  assert.deepEqual(ids("   "), [0, 1, 2]);
});

test("words look into title, place, kind, driver and name, in any case", () => {
  assert.deepEqual(ids("PROG.py:29"), [0]);
  assert.deepEqual(ids("loop"), [0, 2]);
  assert.deepEqual(ids("loop re"), [2]);
  assert.deepEqual(ids("-push"), [0, 2]);
});

test("fields narrow, and several values of one field widen", () => {
  assert.deepEqual(ids("kind:bridge"), [1]);
  assert.deepEqual(ids('kind:bridge kind:"entry bridge"'), [1, 2]);
  assert.deepEqual(ids("kind:bridge driver:re"), []);
  assert.deepEqual(ids("file:body function:push"), [1]);
  assert.deepEqual(ids("-kind:bridge"), [0, 2]);
});

test("what looks like a field and isn't one is a word", () => {
  assert.deepEqual(parseQuery("x:y"), [{ field: null, value: "x:y", not: false }]);
  assert.deepEqual(ids("body.py:3"), [1]);
});

test("a quote that isn't closed reads to the end", () => {
  assert.deepEqual(parseQuery('kind:"entry br'), [{ field: "kind", value: "entry br", not: false }]);
});

test("chips put their term into the text and take it out again", () => {
  const once = toggleTerm("push", "kind", "entry bridge");
  assert.equal(once, 'push kind:"entry bridge"');
  assert.ok(hasTerm(once, "kind", "entry bridge"));
  assert.equal(toggleTerm(once, "kind", "entry bridge"), "push");
});

test("a filter read and written again means the same", () => {
  for (const text of ["a b", 'kind:"entry bridge" -file:x', '-"a b" c:d']) {
    assert.deepEqual(parseQuery(queryText(parseQuery(text))), parseQuery(text));
  }
});

test("unknown values sort last in both orders, equal ones by id", () => {
  const order = (column, direction) => sortTraces(TRACES, column, direction).map((trace) => trace.id);
  assert.deepEqual(order("runs", "desc"), [2, 1, 0]);
  assert.deepEqual(order("runs", "asc"), [1, 2, 0]);
  assert.deepEqual(order("id", "desc"), [2, 1, 0]);
});

test("the hottest have most time, not most samples; of equal ones those that ran more often", () => {
  const order = (column, direction) => sortTraces(TRACES, column, direction).map((trace) => trace.id);
  assert.deepEqual(order("time", "desc"), [1, 2, 0]);
  assert.deepEqual(order("time", "asc"), [2, 0, 1]);
  assert.ok(isColumn("time") && !isColumn("samples") && !isColumn(null));
});

test("a filter can be asked without one field of its own, but not without what it leaves out", () => {
  const without = (text, field) => TRACES.filter(matcher(text, field)).map((trace) => trace.id);
  assert.deepEqual(without("kind:bridge", "kind"), [0, 1, 2]);
  assert.deepEqual(without("kind:bridge driver:re", "kind"), [2]);
  assert.deepEqual(without("-kind:bridge", "kind"), [0, 2]);
});

test("values are counted, most first", () => {
  assert.deepEqual(countBy(TRACES, "driver"), [
    ["pypyjit", 2],
    ["re", 1],
  ]);
});
