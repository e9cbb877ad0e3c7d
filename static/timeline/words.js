// Calls and events in a line of words: for the status, and for those who hear the picture.  Pure.

import * as format from "../format.js";
import { KIND_NAMES } from "./events.js";
import { momentText } from "./ticks.js";

const STATES = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native"];

// What a source has for calls: runs of equal samples are none, and there may be several in one.
const NOUNS = {
  exact: ["call", "calls"],
  sampled: ["stretch", "stretches"],
  both: ["call or stretch", "calls and stretches"],
};

/** Count the calls of a source: exact, sampled, or both. */
export const countedCalls = (count, source) => format.counted(count, ...NOUNS[source]);

export const callNoun = (source) => NOUNS[source][1];

/** What a function's calls take together, as far as it is known. */
const allWords = (sum, source) =>
  sum && `all its ${countedCalls(sum.calls, source)}: ${format.duration(Math.round(sum.total))}`;

/** A row of merged calls under the pointer; `of` is all the time that is merged, `source` where the sum is from. */
export function mergedWords(row, each, sum, of, source) {
  const name = `${each.qualname} ${format.place(each.path, each.line)}`.trim();
  const times = `${format.duration(Math.round(row.duration))}, ${format.share(row.duration / of)} of what is merged`;
  const many = countedCalls(row.count, row.block.source);
  return [name, `${many} this way: ${times}`, allWords(sum, source)].filter(Boolean).join("  ·  ");
}

/** A row under the pointer: what it is, how long, and how much its function takes in all, by `source`. */
export function rowWords(row, each, sum, span, source) {
  const parts = [];
  const name = `${each.qualname} ${format.place(each.path, each.line)}`.trim();
  if (row.count > 1) {
    const busy = row.duration > 0 ? row.busy / row.duration : 1;
    parts.push(
      `${countedCalls(row.count, row.block.source)} in ${format.duration(row.duration)}, ${format.share(busy)} busy`,
    );
    parts.push(`longest: ${name}`);
  } else {
    parts.push(name, `${format.duration(row.duration)}, ${format.share(row.duration / span)} of the run`);
    if (row.start >= 0) parts.push(`at ${momentText(row.start, row.duration)}`);
  }
  if (row.state >= 0) parts.push(STATES[row.state]);
  return [...parts, allWords(sum, source)].filter(Boolean).join("  ·  ");
}

/** An event under the pointer; `name` is that of a mark or span, where it is known. */
export function eventWords({ kind, start, duration, count, busy }, name = null) {
  const at = `at ${momentText(start, duration)}`;
  if (count > 1) {
    return `${format.count(count)} × ${KIND_NAMES[kind]} in ${format.duration(duration)}, ${format.duration(busy)} together  ·  ${at}`;
  }
  const what = name === null ? KIND_NAMES[kind] : `${KIND_NAMES[kind]} ${name}`;
  return kind === "mark" ? `${what}  ·  ${at}` : `${what}, ${format.duration(duration)}  ·  ${at}`;
}

/** Since when compiled code goes through a function; another driver's loop is nothing else. */
export const sinceWords = ({ compiled }, id) =>
  id === -1 ? "is a trace" : compiled >= 0 ? `since ${format.duration(compiled)}` : "in no trace";

/** A selected call for a listener: name, time, level. */
export function callWords(call, each) {
  return `${each.qualname}, ${format.duration(call.duration)}, level ${call.depth}, at ${momentText(call.start, call.duration)}`;
}
