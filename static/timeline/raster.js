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

/** Mix two pixels: `part` of the first. */
export function mix(one, other, part) {
  const p = Math.round(part * 256);
  const q = 256 - p;
  const rb = (((one & 0xff00ff) * p + (other & 0xff00ff) * q) >>> 8) & 0xff00ff;
  const g = (((one & 0xff00) * p + (other & 0xff00) * q) >>> 8) & 0xff00;
  return (0xff000000 | rb | g) >>> 0;
}

/** How much ink stands for a row that is busy only in part. */
export const ink = (busy, duration) =>
  duration > 0 ? Math.min(1, Math.max(LEAST_INK, busy / duration)) : LEAST_INK;

/**
 * Paint one depth of a window over a line of pixels, between the pixels `left` and `right`.
 *
 * `scale` is {from, perNs}: the time of pixel 0 and pixels per nanosecond; `colours` holds a pixel per row.  Of
 * calls that share a pixel the longest gives its colour and all of them its ink.
 */
export function paintLine(line, columns, depth, { from, perNs }, colours, left, right, paper) {
  const { begin, duration, busy } = columns;
  const [, end] = rowsOf(columns, depth);
  const last = from + right / perNs;
  let pixel = -1;
  let cover = 0;
  let longest = 0;
  let colour = 0;
  let solid = left;
  const flush = () => {
    if (pixel >= solid && pixel < right)
      line[pixel] = mix(colour, paper, Math.min(1, Math.max(LEAST_INK, cover)));
    pixel = -1;
  };
  for (let i = firstAfter(columns, depth, from + left / perNs); i < end && begin[i] < last; i += 1) {
    const x = (begin[i] - from) * perNs;
    const width = duration[i] * perNs;
    const a = Math.round(x);
    const b = Math.round(x + width);
    if (b > a) {
      if (pixel >= 0) flush();
      const stop = Math.min(b, right);
      line.fill(colours[i], Math.max(a, left), Math.max(stop, left));
      if (b - a >= GAP_FROM && b <= right) line[b - 1] = paper;
      solid = stop;
      continue;
    }
    const p = Math.floor(x);
    if (p !== pixel) {
      if (pixel >= 0) flush();
      pixel = p;
      cover = 0;
      longest = -1;
    }
    cover += busy[i] * perNs;
    if (duration[i] > longest) {
      longest = duration[i];
      colour = colours[i];
    }
  }
  if (pixel >= 0) flush();
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
      const left = pixelOf(columns.start, scale, width);
      const right = pixelOf(columns.end, scale, width);
      if (right <= left) continue;
      line.fill(paper, left, right);
      paintLine(line, columns, depth, scale, colours, left, right, paper);
    }
    for (let at = first; at < last; at += 1) image.set(line, at * width);
  }
}

const pixelOf = (time, { from, perNs }, width) =>
  Math.min(width, Math.max(0, Math.round((time - from) * perNs)));
