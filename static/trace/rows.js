// The rows of a trace's page: a TraceView made flat.  Pure: no DOM, no state.
//
// A trace's path is a list of segments, each a stretch on one source line of one call.  `pathOf` finds once
// which calls they make up; `flatten` lists the rows for the levels switched on and the calls folded.

export const LEVELS = ["source", "bytecode", "resops", "code"];

/**
 * Find the calls of a trace's path.
 *
 * A call is {first, last, depth, parent, ops, returned}: `first` and `last` are the segments it spans, its inlined
 * calls with it; `first` names it.  `returned` says that the path came back into it from a deeper call, so that
 * its beginning isn't in the trace.  `callOf[i]` is the call of segment i, or null; `segmentOf` maps an op to
 * its segment.
 */
export function pathOf(view) {
  const { calls, callOf } = findCalls(view.segments);
  const segmentOps = view.segments.map((segment) =>
    segment.points.reduce((sum, { ops }) => sum + ops.length, 0),
  );
  for (const call of calls) {
    for (let i = call.first; i <= call.last; i += 1) call.ops += segmentOps[i];
  }
  const known = view.segments.filter((segment) => segment.function !== null).map((segment) => segment.depth);
  const base = known.reduce((least, depth) => Math.min(least, depth), known[0] ?? 0);
  return { calls, callOf, segmentOps, segmentOf: placeOps(view.segments), base };
}

function findCalls(segments) {
  const open = [];
  const calls = [];
  let depthBefore = -1;
  const callOf = segments.map((segment, i) => {
    if (segment.function === null && segment.text === null) return open.at(-1) ?? null;
    while (open.length > 0 && endsAt(open.at(-1), segment)) open.pop();
    if (open.at(-1)?.depth !== segment.depth) {
      const call = begin(segment, i, open.at(-1) ?? null, depthBefore);
      calls.push(call);
      open.push(call);
    }
    for (const call of open) call.last = i;
    depthBefore = segment.depth;
    return open.at(-1);
  });
  return { calls, callOf };
}

const endsAt = (call, { depth, call: id, function: of }) =>
  call.depth > depth || (call.depth === depth && (call.id !== id || call.function !== of));

function begin(segment, first, parent, depthBefore) {
  const { depth, call, function: of } = segment;
  return { first, last: first, depth, id: call, function: of, parent, ops: 0, returned: depthBefore > depth };
}

function placeOps(segments) {
  const places = new Map();
  segments.forEach((segment, i) => {
    for (const point of segment.points) for (const { op } of point.ops) places.set(op, i);
  });
  return places;
}

/** List the calls that can be folded by "fold all": every one that was inlined into another. */
export function inlinedCalls(path) {
  return path.calls.filter((call) => call.parent !== null).map((call) => call.first);
}

/**
 * List the rows to show.
 *
 * @param view the TraceView
 * @param path what `pathOf` found of it
 * @param shown {levels: Set of LEVELS, folded: Set of calls by their first segment, parts: Set of "entry", "recovery"}
 * @returns rows {type, level, ...}; type is inputs, part, call, line, point, op or code
 */
export function flatten(view, path, { levels, folded, parts }) {
  const rows = [];
  if (levels.has("resops")) rows.push({ type: "inputs", level: 0, inputs: view.inputs });
  if (levels.has("code")) pushPart(rows, "entry", view.prologue, parts);
  for (let i = 0; i < view.segments.length; i += 1) {
    const call = path.callOf[i];
    if (call?.first === i && view.segments[i].function !== null) {
      const isFolded = folded.has(i);
      rows.push({ type: "call", level: levelOf(call, path), segment: i, call, folded: isFolded });
      if (isFolded) {
        i = call.last;
        continue;
      }
    }
    pushSegment(rows, view, path, i, levels);
  }
  if (levels.has("code")) pushPart(rows, "recovery", view.recovery, parts);
  return rows;
}

const levelOf = (call, path) => (call ? Math.max(0, call.depth - path.base) : 0);

function pushPart(rows, part, instructions, parts) {
  if (instructions.length === 0) return;
  const folded = !parts.has(part);
  rows.push({ type: "part", level: 0, part, folded, count: instructions.length });
  if (!folded) for (const code of instructions) rows.push({ type: "code", level: 0, code });
}

function pushSegment(rows, view, path, i, levels) {
  const segment = view.segments[i];
  const call = path.callOf[i];
  const level = levelOf(call, path);
  if (levels.has("source")) {
    rows.push({
      type: "line",
      level,
      segment: i,
      of: segment,
      ops: path.segmentOps[i],
      again: comesBack(view, path, i),
    });
  }
  for (const point of segment.points) {
    if (levels.has("bytecode") && point.offset !== null)
      rows.push({ type: "point", level, segment: i, point });
    if (levels.has("resops") || levels.has("code")) pushOps(rows, point, level, i, levels);
  }
}

function pushOps(rows, point, level, segment, levels) {
  for (const op of point.ops) {
    if (levels.has("resops")) rows.push({ type: "op", level, segment, op });
    if (levels.has("code")) for (const code of op.code) rows.push({ type: "code", level, segment, code, op });
  }
}

/** Tell whether the path only comes back, from an inlined call, to the line it had left. */
function comesBack(view, path, i) {
  const call = path.callOf[i];
  if (i === 0 || !call || path.callOf[i - 1] === call) return false;
  for (let before = i - 1; before >= call.first; before -= 1) {
    if (path.callOf[before] === call) return view.segments[before].line === view.segments[i].line;
  }
  return false;
}

/** Unfold what hides an op: the folded calls without the op's own call and those around it. */
export function unfoldedFor(path, op, folded) {
  const kept = new Set(folded);
  for (let call = path.callOf[path.segmentOf.get(op)] ?? null; call; call = call.parent)
    kept.delete(call.first);
  return kept;
}

/** Find the row of an op; -1 when no row shows it. */
export function rowOfOp(rows, op) {
  return rows.findIndex((row) => row.type === "op" && row.op.op === op);
}

/** List the calls around a row, outermost first. */
export function callsAround(path, row) {
  const chain = [];
  for (let call = path.callOf[row?.segment] ?? null; call; call = call.parent) chain.unshift(call);
  return chain;
}
