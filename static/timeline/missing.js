// What a link names that the run doesn't have.  Pure.

import { EVENT_KINDS } from "./filter.js";

/**
 * Take out of a state what no run has, or not this one with its `threads`; returns a sentence about each.
 *
 * Whether it has an event of a kind with a number, the server alone knows.
 */
export function dropMissing(state, threads) {
  const said = [];
  const { thread, call, event } = state;
  if (thread !== null && !threads.some(({ id }) => id === thread)) {
    state.thread = null;
    said.push(`The run has no thread ${thread}.`);
  }
  if (call && !hasCall(threads, call)) {
    state.call = null;
    said.push(`The run has no ${call.source} call ${call.call} in thread ${call.thread}.`);
  }
  if (event && !EVENT_KINDS.includes(event.kind)) {
    state.event = null;
    said.push(`There are no events of the kind ${event.kind}.`);
  }
  return said;
}

function hasCall(threads, { thread, source, call }) {
  const sources = threads.find(({ id }) => id === thread)?.sources ?? [];
  return sources.some((each) => each.source === source && call < each.calls);
}
