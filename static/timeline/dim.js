// Graying out: which rows stay coloured.  Pure.

export const GRAY_MODES = ["inside", "same", "class", "module", "package"];
export const GRAY_NAMES = {
  inside: "all but what it calls",
  same: "all but the same function",
  class: "all outside its class",
  module: "all outside its module",
  package: "all outside its package",
};

const SAME = {
  same: (one, other) => one.id === other.id,
  class: (one, other) => one.owner !== null && one.owner === other.owner && one.path === other.path,
  module: (one, other) => one.path === other.path,
  package: (one, other) => one.group === other.group && (one.package ?? null) === (other.package ?? null),
};

/**
 * Make the test of which functions stay coloured: a 1 per function, null where all do.
 *
 * `anchor` is the selected call's function, `matches` the filter's test or null.
 */
export function litFunctions(functions, modes, anchor, matches) {
  const tests = [...modes]
    .filter((mode) => SAME[mode] && anchor)
    .map((mode) => (each) => SAME[mode](anchor, each));
  if (matches) tests.push(matches);
  if (tests.length === 0) return null;
  return Uint8Array.from(functions, (each) => (each && tests.every((test) => test(each)) ? 1 : 0));
}

/**
 * Make the test of rows from that of functions and, where `inside` is a call of this block, of its span.
 *
 * Null where every row stays coloured.
 */
export function litRows(functions, inside) {
  if (functions === null && inside === null) return null;
  return (columns, i) =>
    (functions === null || functions[columns.what[i]] === 1) &&
    (inside === null || isInside(columns, i, inside));
}

function isInside(columns, i, { here, depth, start, end }) {
  if (!here || columns.depth[i] < depth) return false;
  const middle = columns.begin[i] + columns.duration[i] / 2;
  return middle >= start && middle < end;
}
