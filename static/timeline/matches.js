// When calls run that the filter matches, also such as are folded under longer ones.  Pure.

import { rowObject } from "./columns.js";
import { paintLine, pixelsOf, rowAt } from "./raster.js";

/** The functions to look for in a thread, of its sums those that pass a test, most time first; `most` of them. */
export function wantedOf(sums, test, most) {
  const called = [...sums].filter(([id]) => test(id)).sort(([, one], [, other]) => other.total - one.total);
  return { ids: called.slice(0, most).map(([id]) => id), all: called.length };
}

/** Put answers about several functions each, as columns, into one window that is as wide and fine as all of them. */
export function windowOfParts(parts) {
  const most = (key) => Math.max(...parts.map((each) => each[key]));
  return {
    start: most("start"),
    end: Math.min(...parts.map(({ end }) => end)),
    resolution: most("resolution"),
    length: parts.reduce((sum, each) => sum + each.length, 0),
    parts,
  };
}

/**
 * Paint windows of functions' calls into one line of pixels, the coarse first.
 *
 * A pixel has as much ink as the function has there that is busiest: the one inside of another counts no time twice.
 */
export function paintMatches(line, layers, scale, ink, paper) {
  const one = new Uint32Array(line.length);
  line.fill(paper);
  for (const window of layers) {
    const [left, right] = pixelsOf(window, scale, line.length);
    line.fill(paper, left, right);
    for (const columns of right > left ? window.parts : []) {
      columns.inks ??= new Uint32Array(columns.length);
      columns.inks.fill(ink);
      for (let depth = 0; depth < columns.depths; depth += 1) {
        one.fill(paper, left, right);
        paintLine(one, columns, depth, scale, columns.inks, left, right, paper);
        for (let x = left; x < right; x += 1) if (isNearer(one[x], line[x], paper)) line[x] = one[x];
      }
    }
  }
}

const green = (pixel) => (pixel >>> 8) & 255;

/** Whether a pixel of two between the same ink and paper has more of the ink. */
const isNearer = (one, other, paper) =>
  Math.abs(green(one) - green(paper)) > Math.abs(green(other) - green(paper));

/** The rows of functions at a pixel, the longest first; `layers` and `scale` as for paintMatches. */
export function matchesAt(layers, scale, x, width, reach) {
  const window = layers.findLast((each) => {
    const [left, right] = pixelsOf(each, scale, width);
    return x >= left && x < right;
  });
  const rows = [];
  for (const columns of window?.parts ?? []) {
    for (let depth = 0; depth < columns.depths; depth += 1) {
      const i = rowAt(columns, depth, scale, x, reach);
      if (i >= 0) rows.push(rowObject(columns, i));
    }
  }
  return rows.sort((one, other) => other.duration - one.duration);
}
