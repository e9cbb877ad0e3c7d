// Merged trees as rows: a place for every caller and callee of a function.  Pure.

import { rowsOf } from "./columns.js";

/**
 * Lay a tree in pre-order out as the columns that decodeRows takes; children stand below their parent, from its left.
 * A row's count is of the calls it is merged from.
 */
export function treeRows({ depth, function: what, total_ns: total, calls }) {
  const begin = placesOf(depth, total);
  const order = depth.map((_, i) => i).sort((a, b) => depth[a] - depth[b] || begin[a] - begin[b]);
  const columns = {
    depth: [],
    start: [],
    duration: [],
    function: [],
    count: [],
    busy: [],
    call: [],
  };
  order.forEach((row, at) => {
    const before = at > 0 && depth[order[at - 1]] === depth[row] ? begin[order[at - 1]] : 0;
    columns.depth.push(depth[row]);
    columns.start.push(begin[row] - before);
    columns.duration.push(total[row]);
    columns.function.push(what[row]);
    columns.count.push(calls[row]);
    columns.busy.push(total[row]);
    columns.call.push(row);
  });
  return columns;
}

function placesOf(depth, total) {
  // ends[d]: where the next row of depth d begins.
  const ends = [0];
  return depth.map((d, i) => {
    const begin = ends[d];
    ends[d] = begin + total[i];
    ends[d + 1] = begin;
    ends.length = d + 2;
    return begin;
  });
}

/** Give the functions that lead to what merged calls show at a depth and a place, the outermost first. */
export function pathAt(columns, depth, place) {
  return Array.from({ length: depth + 1 }, (_, level) => {
    const [first, end] = rowsOf(columns, level);
    for (let i = first; i < end; i += 1)
      if (columns.begin[i] <= place && place < columns.begin[i] + columns.duration[i]) return columns.what[i];
    return null;
  });
}

/** Find the row of merged calls that a path of functions leads to, level by level; -1 when there is none. */
export function rowByPath(columns, path) {
  let [from, to] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let found = -1;
  for (const [depth, id] of path.entries()) {
    const [first, end] = rowsOf(columns, depth);
    found = -1;
    for (let i = first; i < end && found < 0; i += 1)
      if (columns.what[i] === id && columns.begin[i] >= from && columns.begin[i] < to) found = i;
    if (found < 0) return -1;
    [from, to] = [columns.begin[found], columns.begin[found] + columns.duration[found]];
  }
  return found;
}
