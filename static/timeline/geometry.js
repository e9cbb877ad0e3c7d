// Time to pixels and back, and which windows of the run to ask for.  Pure.

/** Height of one call, and of the line above a thread, in CSS pixels. */
export const ROW = 16;
export const HEADER = 22;
const GAP = 6;
// A view of 1 µs makes a call of 10 ns some ten pixels wide; no clock tells more.
const LEAST_SPAN_NS = 1000;
// How much of the view's span is kept ready on either side before a new window is asked for.
const MARGIN = 0.25;
// More than any resolution, and yet small enough for numbers beside it to keep their units.
const FAR = 2 ** 50;

/** Keep a range inside its domain without changing its length where that can be. */
export function clampRange([from, to], [first, last], least = LEAST_SPAN_NS) {
  const whole = Math.max(last - first, 1);
  const span = Math.min(Math.max(to - from, Math.min(least, whole)), whole);
  const start = Math.min(Math.max(from + (to - from - span) / 2, first), first + whole - span);
  return [start, start + span];
}

/** Zoom a range by a factor around a point that stays where it is. */
export function zoomRange([from, to], factor, around, domain) {
  const span = (to - from) / factor;
  const part = (around - from) / (to - from || 1);
  return clampRange([around - part * span, around + (1 - part) * span], domain);
}

/** Move a range by a part of its span. */
export function panRange([from, to], part, domain) {
  const by = (to - from) * part;
  return clampRange([from + by, to + by], domain);
}

/** Make room around a range, so that what it shows doesn't touch the edges. */
export function padRange([from, to], part, domain) {
  const room = Math.max(to - from, 1) * part;
  return clampRange([from - room, to + room], domain);
}

/** The bucket of time a view is asked for in: its nanoseconds per pixel, floored to a power of two. */
export function resolutionOf(span, width) {
  return 2 ** Math.max(0, Math.floor(Math.log2(span / Math.max(1, width))));
}

/**
 * Name the window to fetch for a view, its edges on a grid, so that neighbours share it; it has the view's span
 * `around` times on either side.
 *
 * `width` is the number of buckets; start, end and width together make the server choose `resolution`.
 */
export function windowFor([from, to], width, [first, last], around = 1) {
  const resolution = resolutionOf(to - from, width);
  const step = resolution * 2 ** Math.ceil(Math.log2(Math.max(2, width)) - (around < 1 ? 3 : 1));
  const room = (to - from) * around;
  const start = Math.max(first, first + Math.floor((from - room - first) / step) * step);
  const end = Math.min(last, first + Math.ceil((to + room - first) / step) * step);
  const whole = Math.max(start + 1, Math.ceil(end));
  return { start, end: whole, width: Math.max(1, Math.floor((whole - start) / resolution)), resolution };
}

/** Tell whether a fetched window is fine and wide enough for a view. */
export function covers(window, [from, to], width, [first, last]) {
  const room = (to - from) * MARGIN;
  return (
    window.resolution <= resolutionOf(to - from, width) &&
    window.start <= Math.max(first, from - room) &&
    window.end >= Math.min(last, to + room)
  );
}

/**
 * Choose what to draw a view from: windows in the order of painting, the best over the others.
 *
 * Best is the coarsest that is fine enough for `wanted`, since it has the fewest rows; then the finest of those that
 * aren't.  A window is left out where better ones hold all that it has of the view: after a zoom in, the way out
 * would paint every finer window below the one that is seen.
 */
export function paintOrder(windows, [from, to], wanted = 0) {
  const hit = windows.filter((each) => each.start < to && each.end > from);
  const rank = ({ resolution }) => (resolution <= wanted ? wanted - resolution : FAR + resolution);
  hit.sort((one, other) => rank(one) - rank(other) || other.end - other.start - (one.end - one.start));
  const chosen = [];
  let gaps = [[from, to]];
  for (const window of hit) {
    if (!gaps.some((gap) => window.start < gap[1] && window.end > gap[0])) continue;
    chosen.push(window);
    gaps = gaps.flatMap((gap) => outside(gap, window));
  }
  return chosen.reverse();
}

/** What is left of a span without a window. */
const outside = ([from, to], { start, end }) =>
  [
    [from, Math.min(to, start)],
    [Math.max(from, end), to],
  ].filter(([first, last]) => first < last);

/**
 * Lay blocks out below each other: each has `depths` rows under a header, none where it is folded.
 *
 * Returns {tops, height}.
 */
export function layoutBlocks(blocks) {
  const tops = [];
  let y = 0;
  for (const block of blocks) {
    tops.push(y);
    y += blockHeight(block) + GAP;
  }
  return { tops, height: blocks.length > 0 ? y - GAP : 0 };
}

/** The height of one block with its header. */
export function blockHeight({ depths, folded, header = HEADER }) {
  return header + (folded ? 0 : Math.max(1, depths) * ROW);
}

/** Find what lies at a height: {block, depth}; depth is -1 on a header, null is returned between blocks. */
export function placeAt(y, blocks, tops) {
  for (let i = 0; i < blocks.length; i += 1) {
    const inside = y - tops[i];
    if (inside < 0 || inside >= blockHeight(blocks[i])) continue;
    const row = Math.floor((inside - (blocks[i].header ?? HEADER)) / ROW);
    if (row < 0) return { block: i, depth: -1 };
    return { block: i, depth: blocks[i].upward ? blocks[i].depths - 1 - row : row };
  }
  return null;
}

/** The top of a depth's row in its block. */
export function rowTop(block, top, depth) {
  const row = block.upward ? block.depths - 1 - depth : depth;
  return top + (block.header ?? HEADER) + row * ROW;
}
