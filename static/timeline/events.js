// What JIT, collector and program did, as rows of tracks.  Pure.

import { pickRows, rowsOf } from "./columns.js";
import { EVENT_KINDS } from "./filter.js";

// Deeper than this nobody could tell them apart in a track; what is deeper stands on the last.
const MOST_LEVELS = 4;

/** The tracks from top to bottom: what they are called, and what their events are, the later over the earlier. */
export const TRACK_ROWS = [
  { track: "jit", name: "JIT", kinds: ["tracing", "optimising", "backend"] },
  { track: "jit", name: "aborts", kinds: ["abort"] },
  { track: "gc", name: "GC", kinds: ["minor", "major step", "major"] },
  { track: "marks", name: "marks", kinds: ["span", "mark"] },
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

// Columns -> their levels, since a picture of them is drawn many times.
const levelsMade = new WeakMap();

/**
 * Part columns of events into levels, columns each, so that those of a kind don't overlap on a level: spans nest, those of
 * several threads overlap, and PyPy traces while it traces.
 *
 * What nests stands on a deeper level than what it is in.
 */
export function levelsOf(columns) {
  if (!levelsMade.has(columns)) levelsMade.set(columns, layOut(columns));
  return levelsMade.get(columns);
}

function layOut(columns) {
  const levels = [[]];
  for (let depth = 0; depth < columns.depths; depth += 1) {
    const ends = [];
    const [first, end] = rowsOf(columns, depth);
    for (let i = first; i < end; i += 1) {
      const free = ends.findIndex((each) => each <= columns.begin[i]);
      const level = Math.min(free < 0 ? ends.length : free, MOST_LEVELS - 1);
      ends[level] = Math.max(ends[level] ?? 0, columns.begin[i] + columns.duration[i]);
      levels[level] ??= [];
      levels[level].push(i);
    }
  }
  return levels.length === 1 ? [columns] : levels.map((which) => pickRows(columns, which));
}

/** Count the events of some kinds that lie in a range; `isWanted` is asked for a kind by its name. */
export function countEvents(columns, [from, to], isWanted) {
  let count = 0;
  for (let i = 0; i < columns.length; i += 1) {
    const start = columns.begin[i];
    const isIn = start < to && start + columns.duration[i] >= from;
    if (isIn && isWanted(EVENT_KINDS[columns.what[i]])) count += columns.count[i];
  }
  return count;
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
