// What JIT, collector and program did, as rows of tracks.  Pure.

import { EVENT_KINDS } from "./filter.js";

/** The tracks from top to bottom: what their events are, and what they are called. */
export const TRACK_ROWS = [
  { track: "jit", name: "JIT", kinds: ["tracing", "optimising", "backend"] },
  { track: "jit", name: "aborts", kinds: ["abort"] },
  { track: "gc", name: "GC", kinds: ["minor", "major step", "major"] },
  { track: "marks", name: "marks", kinds: ["mark", "span"] },
];

export const KIND_NAMES = {
  tracing: "tracing",
  optimising: "optimising",
  backend: "assembling",
  abort: "aborted tracing",
  minor: "minor collection",
  "major step": "step of a major collection",
  major: "major collection",
  mark: "mark",
  span: "span",
};

/**
 * Turn an answer's tracks into the columns that decodeRows takes: depth and function are the kind's place in
 * EVENT_KINDS, the call is the event's own number.
 */
export function eventRows(tracks) {
  const columns = { depth: [], start: [], duration: [], function: [], count: [], busy: [], call: [] };
  for (const [place, kind] of EVENT_KINDS.entries()) {
    const track = tracks[kind];
    if (!track) continue;
    const same = track.start.map(() => place);
    const parts = { ...track, depth: same, function: same, call: track.id };
    for (const [key, values] of Object.entries(columns)) for (const value of parts[key]) values.push(value);
  }
  return columns;
}

/** Find the event after or before a time among rows of the tracks shown; -1 when there is none. */
export function eventBeside(columns, time, forward, allowed) {
  let found = -1;
  for (let i = 0; i < columns.length; i += 1) {
    if (!allowed(columns, i)) continue;
    const start = columns.begin[i];
    if (forward ? start <= time : start >= time) continue;
    const nearer = found < 0 || (forward ? start < columns.begin[found] : start > columns.begin[found]);
    if (nearer) found = i;
  }
  return found;
}
