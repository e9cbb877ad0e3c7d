// What stands at the ruler's ticks.  Pure.

const UNITS = [
  { name: "ns", ns: 1 },
  { name: "µs", ns: 1e3 },
  { name: "ms", ns: 1e6 },
  { name: "s", ns: 1e9 },
];
const MINUTE_NS = 60e9;
// Below this part of its own time, a view's ticks count from a round time that stands once at the edge.
const NEAR = 1 / 500;

/** The unit a span is read in, from two of it on; minutes from ten of them on. */
export function unitOf(span) {
  if (span >= 10 * MINUTE_NS) return { name: "min", ns: MINUTE_NS };
  return UNITS.findLast(({ ns }) => span >= 2 * ns) ?? UNITS[0];
}

/**
 * Describe the ruler of a range: its unit, and the round time `base` that the ticks count from (0 where they
 * count from the run's start).
 */
export function rulerOf([from, to]) {
  const span = Math.max(1, to - from);
  const unit = unitOf(span);
  const grid = 10 ** Math.ceil(Math.log10(span * 5));
  const base = span < from * NEAR ? Math.floor(from / grid) * grid : 0;
  return { unit, base };
}

const decimals = (step) => Math.max(0, Math.min(9, -Math.floor(Math.log10(step) + 1e-9)));

/** As many decimals as a number has, nine at most: in seconds, nanoseconds. */
const exact = (value) => String(Number(value.toFixed(9)));

/** Write one tick: the value in the ruler's unit, with as many decimals as the step between ticks has. */
export function tickText(value, step, { unit, base }) {
  if (unit.name === "min") return minutes(value);
  const text = value.toFixed(decimals(step));
  return `${base > 0 ? "+" : ""}${text} ${unit.name}`;
}

function minutes(value) {
  const seconds = Math.round(value * 60);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} min`;
}

/** Write the base of a ruler, as exact as it is. */
export function baseText(base) {
  if (base <= 0) return "";
  return `${exact(base / 1e9)} s`;
}

/** A moment with as many digits as the span looked at makes sense of; where nanoseconds do, as exact as it is. */
export function momentText(ns, span) {
  if (span >= 10 * MINUTE_NS) return minutes(ns / MINUTE_NS);
  const unit = UNITS.findLast((each) => Math.max(ns, span) >= each.ns) ?? UNITS[0];
  const least = span / 2000;
  const text =
    least < 1 ? exact(Math.round(ns) / unit.ns) : (ns / unit.ns).toFixed(decimals(least / unit.ns));
  return `${text} ${unit.name}`;
}
