// The windows of one row of the picture: what is at hand, and what to ask for next.  Pure but for the asking.

import { leastUsedCache } from "./cache.js";
import { covers, paintOrder, resolutionOf, windowFor } from "./geometry.js";

// Some 8 MB of typed arrays.
const ROWS_KEPT = 200_000;
// What the server says to `width` at most.
const MOST_BUCKETS = 8192;

/**
 * Make a store of windows.
 *
 * `fetch(window, signal)` answers with columns, {start, end, resolution, …}; `changed()` is told when one came;
 * `failed(fault)` when one didn't.  Only the newest wish is under way; what it replaces is aborted.
 */
export function windowStore({ fetch, domain, changed, failed, rowsKept = ROWS_KEPT }) {
  const cache = leastUsedCache(rowsKept);
  let wish = null;

  const keyOf = ({ start, end, width }) => `${start}-${end}-${width}`;

  /** The window to ask for: wide; where the server made that one coarser than wanted, a narrow one besides. */
  function wanted(view, width) {
    const kept = cache.values();
    if (kept.some((each) => covers(each, view, width, domain))) return null;
    for (const around of [1, 0.25]) {
      const window = windowFor(view, width, domain, around);
      window.width = Math.min(window.width, MOST_BUCKETS);
      if (!cache.has(keyOf(window))) return window;
    }
    return null;
  }

  async function run(window, key) {
    const control = new AbortController();
    wish = { key, control };
    try {
      const columns = await fetch(window, control.signal);
      const whole = columns.start <= domain[0] && columns.end >= domain[1];
      cache.put(key, columns, columns.length + 1, whole);
    } catch (fault) {
      if (fault.name === "AbortError") return;
      cache.put(key, { ...window, length: 0, depths: 0, empty: true, resolution: Infinity }, 1);
      failed(fault);
    } finally {
      if (wish?.control === control) wish = null;
    }
    changed();
  }

  return {
    /** Ask for what a view lacks; true while something is under way. */
    ask(view, width) {
      const window = wanted(view, width);
      if (window === null) return wish !== null;
      const key = keyOf(window);
      if (wish?.key !== key) {
        wish?.control.abort();
        run(window, key);
      }
      return true;
    },
    /** What to draw a view of a width from, in the order of painting. */
    layers: (view, width) =>
      paintOrder(
        cache.values().filter((each) => !each.empty),
        view,
        resolutionOf(view[1] - view[0], width),
      ),
    /** Every window at hand, the finest first. */
    all: () =>
      cache
        .values()
        .filter((each) => !each.empty)
        .sort((one, other) => one.resolution - other.resolution),
    /** The widest window at hand, for the overview; null before the first. */
    widest() {
      const kept = cache.values().filter((each) => !each.empty);
      return kept.reduce(
        (best, each) => (best && best.end - best.start >= each.end - each.start ? best : each),
        null,
      );
    },
    stop() {
      wish?.control.abort();
      wish = null;
    },
    get busy() {
      return wish !== null;
    },
  };
}

/** A store of one window that is known already: merged trees. */
export function fixedStore(columns) {
  return { ask: () => false, layers: () => [columns], widest: () => columns, stop() {}, busy: false };
}
