// What the legend counts, in each way to colour.  Pure.

import * as format from "../format.js";
import { colouring, stableColour } from "./colours.js";
import { KIND_NAMES, TRACK_ROWS } from "./events.js";
import { EVENT_KINDS, onlyText } from "./filter.js";

const SHOWN = 12;
const STATES = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native", "unknown"];

const callsAndTime = ({ calls, self }) => `${format.count(calls)} · ${format.duration(Math.round(self))}`;

/** Sum totals by a key of their functions, most self time first: [[key, {calls, self}]]. */
export function sumBy(totals, functionOf, keyOf) {
  const sums = new Map();
  for (const [id, { calls, self }] of totals) {
    const key = keyOf(functionOf(id));
    const sum = sums.get(key) ?? { calls: 0, self: 0 };
    sums.set(key, { calls: sum.calls + calls, self: sum.self + self });
  }
  return [...sums].sort((one, other) => other[1].self - one[1].self);
}

/** Sum what the functions of some totals take together: {calls, self}. */
export const sumOf = (totals) =>
  [...totals.values()].reduce(
    (sum, { calls, self }) => ({ calls: sum.calls + calls, self: sum.self + self }),
    { calls: 0, self: 0 },
  );

/**
 * Make the legend of a way to colour: {title, entries, more, marks}; `filter(text)` makes what a click on an entry does.
 *
 * `marks` are entries for what isn't a call; `paused` is {count, total} of the pauses.  `shares` are those of the VM's
 * states, or null, of what `of` says; `threads` and `processes` are {title, hint, hue, sum}, where `sum` is
 * {calls, self} in the selected time, or null of what has none.
 */
export function legendOf(mode, facts) {
  const made = LEGENDS[mode](facts);
  const rest = made.entries.length - SHOWN;
  const more = rest > 0 ? `and ${format.count(rest)} more` : (made.more ?? null);
  return { ...made, entries: made.entries.slice(0, SHOWN), more, marks: pauseEntries(facts.paused) };
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

const SHORT_NAMES = { minor: "minor", "major step": "step of a major", major: "major", abort: "aborted" };

/**
 * Name the colours above the calls: [{title, note, entries}], of VM states and of each track that isn't hidden.
 *
 * `shares` are those of the VM's states in view, or null while they are not known; `bands` are the tracks laid over
 * the calls.
 */
export function keyOf({ palette, shares, hidden, whose, bands }) {
  const states = STATES.map((state, i) => ({
    colour: palette.states[i],
    text: state,
    note: shares ? format.share(shares[i]) : "",
  })).filter((_, i) => shares && shares[i] > 0);
  const tracks = [...new Set(TRACK_ROWS.map(({ track }) => track))].filter((track) => track !== "marks");
  return [
    !hidden.has("ribbon") && states.length > 0 && { title: "VM state", note: whose, entries: states },
    ...tracks
      .filter((track) => !hidden.has(track))
      .map((track) => ({
        title: track.toUpperCase(),
        note: bands.has(track) ? `bands: hatched ${track === "jit" ? "rising" : "falling"}` : "",
        entries: TRACK_ROWS.filter((row) => row.track === track)
          .flatMap(({ kinds }) => kinds)
          .map((kind) => ({
            colour: palette.events[EVENT_KINDS.indexOf(kind)],
            text: SHORT_NAMES[kind] ?? KIND_NAMES[kind],
            note: "",
          })),
      })),
  ].filter(Boolean);
}

const LEGENDS = {
  function: (facts) => ({
    title: "Functions, by self time",
    entries: functionEntries("function", "self", facts),
  }),
  frequency: (facts) => ({
    title: "Functions, by calls",
    entries: functionEntries("frequency", "calls", facts),
  }),
  self: (facts) => ({ title: "Functions, by self time", entries: functionEntries("self", "self", facts) }),
  package: ({ functionOf, totals, palette, filter }) => ({
    title: "Packages, by self time",
    entries: sumBy(totals, functionOf, (each) => each.group).map(([group, sum]) => ({
      colour: stableColour(group, palette.hues),
      text: group,
      note: callsAndTime(sum),
      hint: "show only this",
      act: filter(`pkg:${quoted(group)}`),
    })),
  }),
  state: ({ palette, shares, of }) => ({
    title: `VM states ${of}`,
    entries: STATES.map((state, i) => ({
      colour: palette.states[i],
      text: state,
      note: shares ? format.share(shares[i]) : "",
    })).filter((_, i) => !shares || shares[i] > 0),
    more: "Exact calls have no state of their own.",
  }),
  thread: ({ palette, threads }) => ({ title: "Threads", entries: sumEntries(threads, palette) }),
  process: ({ palette, processes }) => ({ title: "Processes", entries: sumEntries(processes, palette) }),
};

const quoted = (text) => (/\s/.test(text) ? `"${text}"` : text);

const sumEntries = (parts, { hues }) =>
  parts.map(({ title, hint, hue, sum }) => ({
    colour: hues[hue % hues.length],
    text: title,
    note: sum ? callsAndTime(sum) : "nothing recorded",
    hint,
  }));

function functionEntries(mode, order, { functionOf, functions, totals, palette, filter }) {
  const colourOf = colouring(mode, totals, palette);
  return [...totals]
    .sort((one, other) => other[1][order] - one[1][order])
    .map(([id, sum]) => {
      const each = functionOf(id);
      return functionEntry(each, sum, colourOf(each), () => filter(onlyText(each, functions))());
    });
}

function functionEntry(each, sum, colour, act) {
  const place = each.path === null ? "" : `${each.path ?? ""}:${each.line}: `;
  return {
    colour,
    text: each.qualname,
    note: callsAndTime(sum),
    hint: `${place}show only this`,
    act,
  };
}
