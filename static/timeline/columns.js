// A window's answer as typed arrays, sorted by depth and start.  Pure.

/**
 * Decode the columns of an answer about a `window`, {start, end, resolution}.
 *
 * `first[d]` to `first[d + 1]` are the rows of depth d, `longest[d]` is the longest of them.  Starts are differences within a depth, the first of
 * each counts from the window's start.
 */
export function decodeRows(rows, window) {
  const length = rows.start.length;
  const depths = length > 0 ? rows.depth[length - 1] + 1 : 0;
  const columns = {
    ...window,
    length,
    depths,
    first: new Int32Array(depths + 1),
    longest: new Float64Array(depths),
    depth: new Int32Array(rows.depth),
    begin: new Float64Array(length),
    duration: new Float64Array(rows.duration),
    what: new Int32Array(rows.function),
    count: new Int32Array(rows.count),
    busy: new Float64Array(rows.busy),
    call: new Float64Array(rows.call),
    state: column(rows.state, length),
    trace: column(rows.trace, length),
  };
  fillStarts(columns, rows);
  return columns;
}

const column = (values, length) =>
  values?.length === length ? new Int32Array(values) : new Int32Array(length).fill(-1);

function fillStarts({ first, longest, begin, duration, length, depths, start: zero }, { depth, start }) {
  let at = 0;
  for (let d = 0; d < depths; d += 1) {
    first[d] = at;
    let time = zero;
    for (; at < length && depth[at] === d; at += 1) {
      time += start[at];
      begin[at] = time;
      if (duration[at] > longest[d]) longest[d] = duration[at];
    }
  }
  first[depths] = length;
}

/** The window that an answer is about. */
export const windowOf = ({ start_ns: start, end_ns: end, resolution_ns: resolution }) => ({
  start,
  end,
  resolution,
});

/** The rows of one depth: [from, to). */
export const rowsOf = (columns, depth) =>
  depth >= 0 && depth < columns.depths ? [columns.first[depth], columns.first[depth + 1]] : [0, 0];

/** Find the first row of a depth that ends after a time. */
export function firstAfter(columns, depth, time) {
  let [low, high] = rowsOf(columns, depth);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (columns.begin[middle] + columns.duration[middle] > time) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Find the row of a depth at a time, the longest of those within `reach` of it; -1 when there is none. */
export function rowAt(columns, depth, time, reach = 0) {
  const [, end] = rowsOf(columns, depth);
  let found = -1;
  for (
    let i = firstAfter(columns, depth, time - reach);
    i < end && columns.begin[i] <= time + reach;
    i += 1
  ) {
    const holds = columns.begin[i] <= time && columns.begin[i] + columns.duration[i] > time;
    if (holds && columns.duration[i] > 2 * reach) return i;
    if (found < 0 || columns.duration[i] > columns.duration[found]) found = i;
  }
  return found;
}

/** Find the row that holds a call at a depth, by its number or else by its place; -1 when there is none. */
export function rowOfCall(columns, depth, call, start) {
  const [first, end] = rowsOf(columns, depth);
  const near = firstAfter(columns, depth, start);
  if (near < end && columns.call[near] === call) return near;
  const holds = near < end && columns.begin[near] <= start;
  return holds ? near : near > first && columns.call[near - 1] === call ? near - 1 : -1;
}

/** One row as an object, for what is told about it. */
export function rowObject(columns, i) {
  return {
    depth: columns.depth[i],
    start: columns.begin[i],
    duration: columns.duration[i],
    what: columns.what[i],
    count: columns.count[i],
    busy: columns.busy[i],
    call: columns.call[i],
    state: columns.state[i],
    trace: columns.trace[i],
  };
}
