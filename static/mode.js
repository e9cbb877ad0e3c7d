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

const SHORT = {
  sampled: "calls sampled",
  exact: "exact calls",
  "exact+c": "exact calls, builtins too",
  off: "no calls recorded",
};

/**
 * The same in few words for the head of every page, from the server's answer: {text, title}.
 *
 * What left calls out is named too, so that nobody takes a part of them for all.
 */
export function recordedMode({ calls, interval_ns: interval, paused, filters }) {
  const mode = SHORT[calls] + (interval > 0 ? ` every ${format.duration(interval)}` : "");
  const text = [mode, filters.length > 0 && "filtered", paused && "with pauses"].filter(Boolean).join(", ");
  const whole = [
    `How it was recorded: ${callsMode({ calls, interval_s: interval === null ? undefined : interval / 1e9 })}.`,
    filters.length > 0 && `Some calls were left out by ${filters.map(optionOf).join(", ")}.`,
    paused && "The program paused samples and calls for a time.",
  ];
  return { text, title: whole.filter(Boolean).join(" ") };
}

const optionOf = (name) => `--${name.replace(/_ns$/, "").replaceAll("_", "-")}`;
