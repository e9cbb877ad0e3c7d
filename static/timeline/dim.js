// Graying out: which rows stay coloured.  Pure.

import { placeIn } from "./colours.js";
import { functionIn } from "./functions.js";

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

/** Whether graying around a function by a mode leaves anything: a function without a class is in none with others. */
export const applies = (mode, anchor) => mode !== "class" || anchor.owner !== null;

/**
 * Make the test of which functions stay coloured: a 1 per function, and behind them one for another driver's loop; null
 * where all do.
 *
 * `anchor` is the selected call's function, `matches` the filter's test or null.
 */
export function litFunctions(functions, modes, anchor, matches) {
  const tests = [...modes]
    .filter((mode) => SAME[mode] && anchor && applies(mode, anchor))
    .map((mode) => (each) => SAME[mode](anchor, each));
  if (matches) tests.push(matches);
  if (tests.length === 0) return null;
  const all = [...functions, functionIn(functions, -1)];
  return Uint8Array.from(all, (each) => (each && tests.every((test) => test(each)) ? 1 : 0));
}

/**
 * Make the test of rows from that of functions and, where `inside` is what is to stay of this block, of that:
 * {here, depth, most, start, end, without}, rows of a depth to another in a span of time but for some functions'.
 *
 * Null where every row stays coloured.
 */
export function litRows(functions, inside) {
  if (functions === null && inside === null) return null;
  return (columns, i) =>
    (functions === null || functions[placeIn(functions, columns.what[i])] === 1) &&
    (inside === null || isInside(columns, i, inside));
}

function isInside(columns, i, { here, depth = 0, most = Infinity, start, end, without = null }) {
  if (!here || columns.depth[i] < depth || columns.depth[i] > most) return false;
  if (without?.has(columns.what[i])) return false;
  const middle = columns.begin[i] + columns.duration[i] / 2;
  return middle >= start && middle < end;
}
