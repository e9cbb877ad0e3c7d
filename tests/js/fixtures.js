// Traces made up for tests: a small one that can be read, and one as large as pages must bear.

/** An op with its defaults. */
export function op(number, name, more = {}) {
  const kind = name.startsWith("guard")
    ? "guard"
    : name === "label" || name === "jump"
      ? "control"
      : "arithmetic";
  return {
    op: number,
    kind,
    name,
    result: null,
    args: [],
    descr: null,
    offset: null,
    fail: null,
    runs: null,
    bridge: null,
    target: null,
    code: [],
    ...more,
  };
}

export const point = (offset, name, ops = []) => ({ offset, name, argument: null, ops });

/** A segment of a call of function `of`. */
export function segment(depth, call, of, line, points) {
  const title = of === null ? null : `f${of}`;
  const path = of === null ? null : "prog.py";
  return {
    depth,
    call,
    function: of,
    title,
    path,
    file: 0,
    line,
    source: `line ${line}`,
    text: null,
    points,
  };
}

/** The ops before the first merge point. */
export const start = (points) => ({ ...segment(0, null, null, null, points), source: null });

export function trace(segments, more = {}) {
  return {
    id: 0,
    kind: "loop",
    inputs: ["p0", "i1"],
    segments,
    prologue: [],
    recovery: [],
    stages: ["optimised"],
    ...more,
  };
}

/** f0 calls f1, which calls f2; back in f0 on the same line, then f1 again. */
export function nested() {
  return trace([
    start([point(null, null, [op(0, "label", { args: ["p0", "i1"], runs: 10 })])]),
    segment(0, 0, 0, 5, [point(2, "LOAD_FAST", [op(1, "int_add", { result: "i2", args: ["i1", "1"] })])]),
    segment(1, 1, 1, 20, [
      point(0, "LOAD_FAST"),
      point(2, "CALL", [op(2, "guard_true", { args: ["i2"], fail: ["p0", null] })]),
    ]),
    segment(2, 2, 2, 30, [point(0, "RETURN", [op(3, "int_sub", { result: "i3", args: ["i2", "i1"] })])]),
    segment(1, 1, 1, 20, [point(4, "RETURN")]),
    segment(0, 0, 0, 5, [point(4, "STORE_FAST")]),
    segment(0, 0, 0, 6, [point(6, "LOAD_FAST")]),
    segment(1, 3, 1, 20, [point(0, "LOAD_FAST", [op(4, "int_mul", { result: "i4", args: ["i3", "i3"] })])]),
    segment(0, 0, 0, 6, [point(8, "JUMP", [op(5, "jump", { args: ["p0", "i4"], target: 0 })])]),
  ]);
}

/** A path of `many` ops with five instructions each, three calls deep. */
export function large(many) {
  const segments = [];
  for (let number = 0; number < many; ) {
    for (const depth of [0, 1, 2, 1]) {
      const ops = Array.from({ length: 3 }, () => {
        const code = Array.from({ length: 5 }, (_, i) => [
          number * 20 + i * 4,
          "488b4510",
          "mov",
          "rax, [rbp + 0x10]",
        ]);
        const made = op(number, "int_add", {
          result: `i${number + 10}`,
          args: [`i${number + 9}`, "1"],
          code,
        });
        number += 1;
        return made;
      });
      const call = depth === 0 ? 0 : number * 4 + depth;
      segments.push(
        segment(depth, call, depth, 10 + depth, [
          point(0, "LOAD_FAST", ops.slice(0, 1)),
          point(2, "ADD", ops.slice(1)),
        ]),
      );
    }
  }
  return trace(segments);
}
