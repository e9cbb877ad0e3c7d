// How the calls of a run were recorded: exact calls change what is compiled. terminal/wording.py says the same.

import * as format from "./format.js";

const MODES = {
  exact: "every Python call recorded, which changes what PyPy compiles",
  "exact+c": "every call recorded, builtin functions' too, which changes what PyPy compiles",
  off: "calls neither sampled nor recorded",
};

/** Say it of a run by what its recorder was asked for. */
export function callsMode({ calls = "sampled", interval_s: interval }) {
  if (Object.hasOwn(MODES, calls)) return MODES[calls];
  if (typeof interval !== "number") return "calls sampled";
  return interval > 0 ? `calls sampled every ${format.duration(Math.round(interval * 1e9))}` : MODES.off;
}
