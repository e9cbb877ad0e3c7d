// A window's answer as typed arrays, sorted by depth and start.  Pure.

/**
 * Decode the columns of an answer about a `window`, {start, end, resolution}.
 *
 * `first[d]` to `first[d + 1]` are the rows of depth d, `longest[d]` is the longest of them.  Starts are differences within a depth, the first of
 * each counts from the window's start.  `until[i]` is when the last ended of the rows of a depth up to row i: spans nest and overlap, so that
 * their own ends are in no order to search.
 */
export function decodeRows(rows, window) {
  const length = rows.start.length;
  return indexed({
    ...window,
    length,
    depth: new Int32Array(rows.depth),
    begin: startsOf(rows, window.start),
    duration: new Float64Array(rows.duration),
    what: new Int32Array(rows.function),
    count: new Int32Array(rows.count),
    busy: new Float64Array(rows.busy),
    call: new Float64Array(rows.call),
    state: column(rows.state, length),
    trace: column(rows.trace, length),
  });
}

const OF_ROWS = ["depth", "begin", "duration", "what", "count", "busy", "call", "state", "trace"];

/** Give some rows of columns, those of the numbers `which` in their order, as columns. */
export function pickRows(columns, which) {
  const picked = OF_ROWS.map((name) => [
    name,
    columns[name].constructor.from(which, (i) => columns[name][i]),
  ]);
  return indexed({ ...columns, ...Object.fromEntries(picked), length: which.length });
}

const column = (values, length) =>
  values?.length === length ? new Int32Array(values) : new Int32Array(length).fill(-1);

function startsOf({ depth, start }, zero) {
  const begin = new Float64Array(start.length);
  for (let i = 0; i < begin.length; i += 1)
    begin[i] = start[i] + (i > 0 && depth[i] === depth[i - 1] ? begin[i - 1] : zero);
  return begin;
}

/** Complete columns by what rows are found with. */
function indexed(columns) {
  const { length, depth, begin, duration } = columns;
  const depths = length > 0 ? depth[length - 1] + 1 : 0;
  const first = new Int32Array(depths + 1);
  const longest = new Float64Array(depths);
  const until = new Float64Array(length);
  let at = 0;
  for (let d = 0; d < depths; d += 1) {
    first[d] = at;
    let last = Number.NEGATIVE_INFINITY;
    for (; at < length && depth[at] === d; at += 1) {
      last = Math.max(last, begin[at] + duration[at]);
      until[at] = last;
      longest[d] = Math.max(longest[d], duration[at]);
    }
  }
  first[depths] = length;
  return { ...columns, depths, first, longest, until };
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

/** Find the first row of a depth that ends after a time; of those behind it, some may have ended before. */
export function firstAfter({ first, until, depths }, depth, time) {
  if (!(depth >= 0 && depth < depths)) return 0;
  let low = first[depth];
  let high = first[depth + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (until[middle] > time) high = middle;
    else low = middle + 1;
  }
  return low;
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
