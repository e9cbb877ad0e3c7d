// Merged trees as rows: a place for every caller and callee of a function.  Pure.

/**
 * Lay a tree in pre-order out as the columns that decodeRows takes; children stand below their parent, from its left.
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
    calls: [],
  };
  order.forEach((row, at) => {
    const before = at > 0 && depth[order[at - 1]] === depth[row] ? begin[order[at - 1]] : 0;
    columns.depth.push(depth[row]);
    columns.start.push(begin[row] - before);
    columns.duration.push(total[row]);
    columns.function.push(what[row]);
    columns.count.push(1);
    columns.busy.push(total[row]);
    columns.call.push(row);
    columns.calls.push(calls[row]);
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
