// What the legend counts, in each way to colour.  Pure.

import * as format from "../format.js";
import { identity, logPart, stableColour } from "./colours.js";
import { mix } from "./raster.js";

const SHOWN = 12;
const STATES = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native", "unknown"];

const callsAndTime = ({ calls, self }) => `${format.count(calls)} · ${format.duration(Math.round(self))}`;

/** Sum totals by a key of their functions, most self time first: [[key, {calls, self}]]. */
export function sumBy(totals, functions, keyOf) {
  const sums = new Map();
  for (const [id, { calls, self }] of totals) {
    const key = functions[id] ? keyOf(functions[id]) : "not known";
    const sum = sums.get(key) ?? { calls: 0, self: 0 };
    sums.set(key, { calls: sum.calls + calls, self: sum.self + self });
  }
  return [...sums].sort((one, other) => other[1].self - one[1].self);
}

/**
 * Make the legend of a way to colour: {title, entries, more, marks}; `filter(text)` makes what a click on an entry does.
 *
 * `marks` are entries for what isn't a call; `paused` is {count, total} of the pauses.
 * `shares` are those of the VM's states in view, or null; `threads` are {id, title, calls}.
 */
export function legendOf(mode, { functions, totals, palette, shares, threads, filter, paused }) {
  const made = LEGENDS[mode]({ functions, totals, palette, shares, threads, filter });
  const rest = made.entries.length - SHOWN;
  const more = rest > 0 ? `and ${format.count(rest)} more` : (made.more ?? null);
  return { ...made, entries: made.entries.slice(0, SHOWN), more, marks: pauseEntries(paused) };
}

const pauseEntries = ({ count, total }) =>
  count > 0
    ? [
        {
          pattern: "paused",
          text: "paused",
          note: `${format.count(count)} · ${format.duration(Math.round(total))}`,
          hint: "the program wanted no samples and calls: nothing is known of what ran then, but for JIT, GC and marks",
        },
      ]
    : [];

const LEGENDS = {
  function: ({ functions, totals, palette, filter }) => ({
    title: "Functions, by self time",
    entries: [...totals]
      .filter(([id]) => functions[id])
      .sort((one, other) => other[1].self - one[1].self)
      .map(([id, sum]) =>
        functionEntry(functions[id], sum, stableColour(identity(functions[id]), palette.hues), filter),
      ),
  }),
  frequency: ({ functions, totals, palette, filter }) => {
    const top = most(totals, "calls");
    return {
      title: "Functions, by calls",
      entries: [...totals]
        .filter(([id]) => functions[id])
        .sort((one, other) => other[1].calls - one[1].calls)
        .map(([id, sum]) => {
          const hue = stableColour(identity(functions[id]), palette.hues);
          return functionEntry(functions[id], sum, mix(hue, palette.faint, logPart(sum.calls, top)), filter);
        }),
    };
  },
  self: ({ functions, totals, palette, filter }) => {
    const top = most(totals, "self");
    return {
      title: "Functions, by self time",
      entries: [...totals]
        .filter(([id]) => functions[id])
        .sort((one, other) => other[1].self - one[1].self)
        .map(([id, sum]) => {
          const part = top > 0 ? Math.sqrt(sum.self / top) : 0;
          return functionEntry(functions[id], sum, mix(palette.high, palette.low, part), filter);
        }),
    };
  },
  package: ({ functions, totals, palette, filter }) => ({
    title: "Packages, by self time",
    entries: sumBy(totals, functions, (each) => each.group).map(([group, sum]) => ({
      colour: stableColour(group, palette.hues),
      text: group,
      note: callsAndTime(sum),
      hint: "show only this",
      act: filter(`pkg:${/\s/.test(group) ? `"${group}"` : group}`),
    })),
  }),
  state: ({ palette, shares }) => ({
    title: "VM states in view",
    entries: STATES.map((state, i) => ({
      colour: palette.states[i],
      text: state,
      note: shares ? format.share(shares[i]) : "",
    })).filter((_, i) => !shares || shares[i] > 0),
    more: "Exact calls have no state of their own.",
  }),
  thread: ({ palette, threads }) => ({
    title: "Threads",
    entries: threads.map(({ id, title, calls }) => ({
      colour: palette.hues[id % palette.hues.length],
      text: title,
      note: format.count(calls),
    })),
  }),
};

const most = (totals, key) => [...totals.values()].reduce((best, each) => Math.max(best, each[key]), 0);

function functionEntry(each, sum, colour, filter) {
  return {
    colour,
    text: each.qualname,
    note: callsAndTime(sum),
    hint: `${each.path ?? ""}:${each.line}: show only this`,
    act: filter(`name:${each.qualname}`),
  };
}
