// Which colour a call has.  Pure: pixels in, pixels out; the page reads the pixels from tokens.css.

import { functionIn } from "./functions.js";
import { mix } from "./raster.js";

export const COLOUR_MODES = ["function", "frequency", "self", "package", "state", "thread", "process"];
export const COLOUR_NAMES = {
  function: "by function",
  frequency: "by number of calls",
  self: "by self time",
  package: "by package",
  state: "by VM state",
  thread: "by thread",
  process: "by process",
};

// Any start is as good as another; from this one the functions of our example programs fall on colours of their own.
const START = 0x6a99b44c;

/** Hash a text to 32 bits (FNV-1a but for its start, with a last stir so that near texts part in the low bits too). */
export function hash(text) {
  let value = START;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 13)) >>> 0;
}

/**
 * What a function's colour hangs on: its qualified name and its module, or the file's name for a script; never its
 * number, nor the folder it ran from.
 */
export const identity = ({ qualname, module, path }) =>
  `${qualname}\n${module && module !== "__main__" ? module : (path ?? "").split("/").at(-1)}`;

/** Choose one of many colours for a text: the same one in every run and on every page. */
export const stableColour = (text, colours) => colours[hash(text) % colours.length];

/** Where a value stands between nothing and the most, by its logarithm: 0 to 1. */
export function logPart(value, most) {
  if (!(value > 0)) return 0;
  return most <= 1 ? 1 : Math.log1p(value) / Math.log1p(most);
}

/** Where something of a function stands in a list of one for each, and one more for what isn't a function. */
export const placeIn = (list, id) => (id < 0 ? list.length - 1 : id);

/**
 * Make the colour of every function in a mode, and behind them that of another driver's loop.
 *
 * `palette` is {hues: [pixel], faint, low, high}; `totals` maps a function to {calls, self}.
 */
export function functionColours(mode, functions, totals, palette) {
  const colourOf = colouring(mode, totals, palette);
  return Uint32Array.from([...functions, functionIn(functions, -1)], colourOf);
}

/** The colour of a function in a mode; in a mode that goes by the row instead, as by function. */
export function colouring(mode, totals, palette) {
  const hue = (each) => stableColour(identity(each), palette.hues);
  if (mode === "package") return (each) => stableColour(each.group, palette.hues);
  if (mode === "frequency") {
    const top = most(totals, "calls");
    return (each) => mix(hue(each), palette.faint, logPart(totals.get(each.id)?.calls ?? 0, top));
  }
  if (mode === "self") {
    const top = most(totals, "self");
    const part = ({ id }) => (top > 0 ? Math.sqrt((totals.get(id)?.self ?? 0) / top) : 0);
    return (each) => mix(palette.high, palette.low, part(each));
  }
  return hue;
}

const most = (totals, key) => [...totals.values()].reduce((best, each) => Math.max(best, each[key]), 0);

/**
 * Make the pixel of every row of a window.
 *
 * `look` is {functions: pixels per function and one more, states: pixels per state with the unknown last, row: pixel for every
 * row or null, byState, paper, dim, ink, highlight: function or -1}, `lit` says of a row whether it stays coloured.
 */
export function rowColours(columns, look, lit) {
  const colours = new Uint32Array(columns.length);
  const unknown = look.states.length - 1;
  for (let i = 0; i < columns.length; i += 1) {
    let colour = look.row ?? look.functions[placeIn(look.functions, columns.what[i])] ?? look.dim;
    if (look.byState) colour = look.states[columns.state[i] < 0 ? unknown : columns.state[i]];
    if (lit !== null && !lit(columns, i)) colour = look.dim;
    if (columns.what[i] === look.highlight) colour = mix(colour, look.ink, 0.76);
    colours[i] = colour;
  }
  return colours;
}
