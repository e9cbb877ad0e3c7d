import assert from "node:assert/strict";
import { test } from "node:test";
import { callsAround, flatten, inlinedCalls, pathOf, rowOfOp, unfoldedFor } from "../../static/trace/rows.js";
import { large, nested, op, point, segment, trace } from "./fixtures.js";

const ALL = ["source", "bytecode", "resops", "code"];
const shown = (levels, folded = [], parts = []) => ({
  levels: new Set(levels),
  folded: new Set(folded),
  parts: new Set(parts),
});

/** Write rows as short words, so that a test can be read. */
function words(view, options) {
  return flatten(view, pathOf(view), options).map((row) => {
    if (row.type === "call") return `${row.level} ${row.folded ? "+" : "-"}f${row.call.function}`;
    if (row.type === "line") return `${row.level} ${row.again ? "back " : ""}${row.of.line}`;
    if (row.type === "point") return `${row.level} ${row.point.name}`;
    if (row.type === "op") return `${row.level} #${row.op.op}`;
    return row.type;
  });
}

test("calls nest by depth and call, and the path comes back to the line it left", () => {
  assert.deepEqual(words(nested(), shown(["source"])), [
    "0 null",
    "0 -f0",
    "0 5",
    "1 -f1",
    "1 20",
    "2 -f2",
    "2 30",
    "1 back 20",
    "0 back 5",
    "0 6",
    "1 -f1",
    "1 20",
    "0 back 6",
  ]);
});

test("a folded call keeps its own row and hides its lines and the calls in it", () => {
  assert.deepEqual(words(nested(), shown(["source"], [2])), [
    "0 null",
    "0 -f0",
    "0 5",
    "1 +f1",
    "0 back 5",
    "0 6",
    "1 -f1",
    "1 20",
    "0 back 6",
  ]);
});

test("each level can be shown without the others", () => {
  assert.deepEqual(
    words(nested(), shown(["resops"])).filter((word) => word.includes("#")),
    ["0 #0", "0 #1", "1 #2", "2 #3", "1 #4", "0 #5"],
  );
  assert.deepEqual(
    words(nested(), shown(["bytecode"])).filter((word) => !word.includes("f")),
    [
      "0 LOAD_FAST",
      "1 LOAD_FAST",
      "1 CALL",
      "2 RETURN",
      "1 RETURN",
      "0 STORE_FAST",
      "0 LOAD_FAST",
      "1 LOAD_FAST",
      "0 JUMP",
    ],
  );
});

test("the ops of a call are counted with those of the calls in it", () => {
  const { calls } = pathOf(nested());
  assert.deepEqual(
    calls.map((call) => [call.first, call.last, call.ops]),
    [
      [1, 8, 5],
      [2, 4, 2],
      [3, 3, 1],
      [7, 7, 1],
    ],
  );
});

test("only inlined calls are folded by fold all", () => {
  assert.deepEqual(inlinedCalls(pathOf(nested())), [2, 3, 7]);
});

test("two calls of one function in a row are two calls", () => {
  const view = trace([segment(0, 0, 0, 5, []), segment(1, 1, 1, 20, []), segment(1, 2, 1, 20, [])]);
  assert.deepEqual(words(view, shown(["source"])), ["0 -f0", "0 5", "1 -f1", "1 20", "1 -f1", "1 20"]);
});

test("a bridge that starts inside a call is indented from its least depth, and says where it comes back to", () => {
  const view = trace([segment(3, 7, 1, 20, []), segment(2, 6, 0, 5, [])]);
  const path = pathOf(view);
  assert.deepEqual(words(view, shown(["source"])), ["1 -f1", "1 20", "0 -f0", "0 5"]);
  assert.deepEqual(
    path.calls.map((call) => call.returned),
    [false, true],
  );
});

test("another jit driver's path has lines of its own text and no calls to fold", () => {
  const text = {
    ...segment(0, 0, null, null, [point(null, null, [op(0, "int_add")])]),
    text: "re Search at 5",
  };
  const view = trace([text]);
  assert.deepEqual(words(view, shown(["source", "bytecode", "resops"])), ["inputs", "0 null", "0 #0"]);
});

test("instructions stand under their op, or under its line when resops are off", () => {
  const code = [[0, "90", "nop", ""]];
  const view = trace([segment(0, 0, 0, 5, [point(2, "NOP", [op(0, "int_add", { code })])])], {
    prologue: code,
    recovery: code,
  });
  assert.deepEqual(words(view, shown(ALL)), [
    "inputs",
    "part",
    "0 -f0",
    "0 5",
    "0 NOP",
    "0 #0",
    "code",
    "part",
  ]);
  assert.deepEqual(words(view, shown(["source", "code"], [], ["entry"])), [
    "part",
    "code",
    "0 -f0",
    "0 5",
    "code",
    "part",
  ]);
});

test("going to an op unfolds every call around it and no other", () => {
  const view = nested();
  const path = pathOf(view);
  const kept = unfoldedFor(path, 3, new Set([1, 2, 3, 7]));
  assert.deepEqual([...kept], [7]);
  const rows = flatten(view, path, shown(["resops"], kept));
  assert.equal(rows[rowOfOp(rows, 3)].op.name, "int_sub");
  assert.equal(rowOfOp(rows, 4), -1);
});

test("the calls around a row are known, outermost first", () => {
  const view = nested();
  const path = pathOf(view);
  const rows = flatten(view, path, shown(["resops"]));
  const names = callsAround(path, rows[rowOfOp(rows, 3)]).map((call) => call.function);
  assert.deepEqual(names, [0, 1, 2]);
  assert.deepEqual(callsAround(path, rows[0]), []);
});

test("every op and instruction of a large trace has its row, once", () => {
  const view = large(3000);
  const rows = flatten(view, pathOf(view), shown(ALL));
  const ops = rows.filter((row) => row.type === "op");
  assert.deepEqual(
    ops.map((row) => row.op.op),
    ops.map((_, i) => i),
  );
  assert.ok(ops.length >= 3000);
  assert.equal(rows.filter((row) => row.type === "code").length, ops.length * 5);
});

test("an empty trace has no more than its inputs", () => {
  assert.deepEqual(words(trace([]), shown(ALL)), ["inputs"]);
});
