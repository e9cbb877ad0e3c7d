// How the calls of a run were recorded: exact calls change what is compiled. terminal/wording.py says the same.

import * as format from "./format.js";

const MODES = {
  exact: "every Python call recorded, which changes what PyPy compiles",
  "exact+c": "every call recorded, builtin functions' too, which changes what PyPy compiles",
  off: "calls neither sampled nor recorded",
};

/** Say it of a run by what its recorder was asked for. */
export function callsMode({ calls = "sampled", interval_s: interval, later_interval_s: later }) {
  if (Object.hasOwn(MODES, calls)) return MODES[calls];
  if (typeof interval !== "number") return "calls sampled";
  if (!(interval > 0)) return MODES.off;
  const times = [interval, later].filter((time) => typeof time === "number");
  return `calls sampled every ${times.map((time) => format.duration(Math.round(time * 1e9))).join(", later ")}`;
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
export function recordedMode({ calls, interval_ns: interval, later_interval_ns: later, paused, filters }) {
  const mode = SHORT[calls] + (interval > 0 ? ` every ${format.duration(interval)}` : "");
  const text = [mode, filters.length > 0 && "filtered", paused && "with pauses"].filter(Boolean).join(", ");
  const whole = [
    `How it was recorded: ${callsMode({ calls, interval_s: seconds(interval), later_interval_s: seconds(later) })}.`,
    filters.length > 0 && `Some calls were left out by ${filters.map(optionOf).join(", ")}.`,
    paused && "The program paused samples and calls for a time.",
  ];
  return { text, title: whole.filter(Boolean).join(" ") };
}

const seconds = (ns) => (typeof ns === "number" ? ns / 1e9 : undefined);

const optionOf = (name) => `--${name.replace(/_ns$/, "").replaceAll("_", "-")}`;
