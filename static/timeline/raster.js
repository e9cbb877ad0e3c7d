// Calls as pixels: one line of pixels per depth, copied down to the row's height.  Pure.
//
// Drawing a rectangle per call with the canvas's own calls took three to five times as long as this; one
// putImageData a frame then shows it.  A pixel is a number 0xAABBGGRR, as a Uint32Array sees an ImageData on every
// machine browsers run on.

import { firstAfter, rowsOf } from "./columns.js";

// A pixel with a call in it never gets paler than this, however short the call.
const LEAST_INK = 0.45;
// From this width on, a call ends in one pixel of paper, so that equal neighbours stand apart.
const GAP_FROM = 4;
// Who reaches no further into a pixel doesn't touch it: so much is left of an edge on it after some arithmetic.
const SLACK = 1 / 1024;

/** Mix two pixels: `part` of the first. */
export const mix = (one, other, part) => blend(one, other, Math.round(part * 256)) >>> 0;

/** Mix two pixels: `p` parts in 256 of the first. */
function blend(one, other, p) {
  const q = 256 - p;
  const rb = (one & 0xff00ff) * p + (other & 0xff00ff) * q;
  const g = (one & 0xff00) * p + (other & 0xff00) * q;
  return 0xff000000 | ((rb >>> 8) & 0xff00ff) | ((g >>> 8) & 0xff00);
}

/** A colour with as much ink as stands for what covers a part of a pixel, or is busy for a part of its time. */
const inked = (colour, paper, part) =>
  part >= 1 ? colour : blend(colour, paper, (Math.max(part, LEAST_INK) * 256 + 0.5) | 0);

/** The colour of a row where it fills whole pixels: the less it is busy, the nearer to the paper. */
export const shade = ({ busy, duration, colours }, i, paper) =>
  busy[i] >= duration[i] ? colours[i] : inked(colours[i], paper, busy[i] / duration[i]) >>> 0;

/**
 * Paint one depth of a window over a line of pixels, between the pixels `left` and `right`.
 *
 * `scale` is {from, perNs}: the time of pixel 0 and pixels per nanosecond; `colours` holds a pixel per row.  A row's
 * busy time is spread over the pixels it touches.  Of calls that share a pixel the longest gives its colour and all of
 * them together, once, its ink; where a wide one ends, what begins there goes first, and paper last.  Rows are those
 * of `rowAt`.
 */
export function paintLine(line, columns, depth, { from, perNs }, colours, left, right, paper) {
  const { begin, duration, busy } = columns;
  const [, end] = rowsOf(columns, depth);
  const last = from + right / perNs;
  const edge = right - 1;
  // What is gathered of the pixel that the rows have come to.
  let pixel = -1;
  let cover = 0;
  let longest = 0;
  let colour = 0;
  let isGap = false;
  for (let i = firstAfter(columns, depth, from + left / perNs); i < end && begin[i] < last; i += 1) {
    const length = duration[i];
    const start = (begin[i] - from) * perNs;
    const x = Math.max(start, left);
    const stop = start + length * perNs;
    if (stop < left) continue;
    const a = Math.min((x + SLACK) | 0, edge);
    const isWide = stop - start >= GAP_FROM;
    if (a !== pixel) {
      if (pixel >= 0) line[pixel] = isGap ? paper : inked(colour, paper, cover);
      pixel = a;
      cover = 0;
      longest = -1;
      isGap = false;
    } else if (isGap && !(isWide && stop > a + 1)) {
      longest = -1;
      isGap = false;
    }
    if (length > longest) {
      longest = length;
      colour = colours[i];
    }
    if (stop - SLACK < a + 1 || a === edge) {
      const isCut = start < left || stop > right;
      cover += isCut ? ((Math.min(stop, right) - x) * busy[i]) / length : busy[i] * perNs;
      isGap = isWide && stop <= right;
      continue;
    }
    const density = busy[i] < length ? busy[i] / length : 1;
    cover += (a + 1 - x) * density;
    line[a] = isGap ? paper : inked(colour, paper, cover);
    const b = stop > right ? edge : (stop - SLACK) | 0;
    const solid = density === 1 ? colours[i] : inked(colours[i], paper, density);
    for (let at = a + 1; at < b; at += 1) line[at] = solid;
    pixel = b;
    cover = (Math.min(stop, right) - b) * density;
    longest = length;
    colour = colours[i];
    isGap = isWide && stop <= right;
  }
  if (pixel >= 0) line[pixel] = isGap ? paper : inked(colour, paper, cover);
}

/**
 * Find the row of a depth that a pixel was painted for, or one in a pixel at most `reach` away; -1 when there is none.
 *
 * `x` and `reach` are in the pixels of `scale`, which is that of `paintLine`.
 */
export function rowAt(columns, depth, scale, x, reach = 0) {
  const pixel = Math.floor(x);
  const side = x - pixel < 0.5 ? -1 : 1;
  let found = rowOfPixel(columns, depth, scale, pixel);
  for (let away = 1; found < 0 && away <= reach; away += 1) {
    found = rowOfPixel(columns, depth, scale, pixel + side * away);
    if (found < 0) found = rowOfPixel(columns, depth, scale, pixel - side * away);
  }
  return found;
}

function rowOfPixel(columns, depth, { from, perNs }, pixel) {
  const { begin, duration } = columns;
  const [, end] = rowsOf(columns, depth);
  const last = from + (pixel + 1) / perNs;
  let found = -1;
  let isGap = false;
  for (let i = firstAfter(columns, depth, from + (pixel - 1) / perNs); i < end && begin[i] < last; i += 1) {
    const x = (begin[i] - from) * perNs;
    const width = duration[i] * perNs;
    const a = Math.floor(x + SLACK);
    const b = Math.max(a, Math.floor(x + width - SLACK));
    if (pixel < a || pixel > b) continue;
    const isWide = width >= GAP_FROM && b > a;
    if (found >= 0 && (isGap ? isWide : duration[i] <= duration[found])) continue;
    found = i;
    isGap = isWide && pixel === b;
  }
  return found;
}

let spare = new Uint32Array(0);

/** A line to paint in; the same one again and again, as there are dozens a frame. */
function lineOf(width) {
  if (spare.length !== width) spare = new Uint32Array(width);
  return spare;
}

/**
 * Paint a block's rows into an image of `width` pixels a line.
 *
 * `layers` are windows from coarse to fine with their `colours`; `rows` are {depth, y, height}, their heights in
 * pixels with `gap` of paper below, cut at the image's edges `top` and `bottom`.
 */
export function paintRows(image, width, layers, scale, rows, { top, bottom, gap, paper }) {
  const line = lineOf(width);
  for (const { depth, y, height } of rows) {
    const first = Math.max(y, top);
    const last = Math.min(y + height - gap, bottom);
    if (last <= first) continue;
    line.fill(paper);
    for (const { columns, colours } of layers) {
      const [left, right] = pixelsOf(columns, scale, width);
      if (right <= left) continue;
      line.fill(paper, left, right);
      paintLine(line, columns, depth, scale, colours, left, right, paper);
    }
    for (let at = first; at < last; at += 1) image.set(line, at * width);
  }
}

/** The pixels that a window is painted over, of a line of `width`: from the first to before the second. */
export const pixelsOf = ({ start, end }, { from, perNs }, width) =>
  [start, end].map((time) => Math.min(width, Math.max(0, Math.round((time - from) * perNs))));
