// Steps from one match of the filter to the next, and from event to event, over all of the run.

import { MOST_FUNCTIONS_TO_FIND } from "./data.js";
import { TRACK_ROWS } from "./events.js";
import { EVENT_KINDS } from "./filter.js";

/** The steps of a page's selection; each waits for the one before it, so that none of a fast hand's is lost. */
export class Stepping {
  constructor(page) {
    this.page = page;
    this.last = Promise.resolve();
  }

  /** Take a step when those before it are done. */
  queue(step) {
    const next = this.last.then(step);
    this.last = next.catch(() => {});
    this.page.selection.run(next);
  }

  // --- calls ------------------------------------------------------------------------

  /** Go to the next call that the filter matches; without a filter, to the next of the same function. */
  async match(forward) {
    const { page } = this;
    const ids = this.wanted();
    if (ids.length === 0) return page.pointing.tell("Nothing to step through: the filter matches no call.");
    let at = await this.from(forward, ids);
    while (at) {
      const { call } = await page.data.find(at.thread, at.source, ids, at.place);
      if (call && this.isInTime(call)) {
        await page.selection.selectCall({ thread: at.thread, source: at.source, call: call.call });
        return page.selection.reveal();
      }
      at = await this.besideThread(at.thread, ids, forward);
    }
    const where = page.state.range ? " in the selected time" : "";
    page.pointing.tell(`${forward ? "No further" : "No earlier"} match${where}.`);
  }

  wanted() {
    const { looks, selection } = this.page;
    if (looks.matcher.functions === null) return selection.anchor ? [selection.anchor.id] : [];
    const ids = looks.matches().map(([id]) => id);
    return ids.slice(0, MOST_FUNCTIONS_TO_FIND);
  }

  /** Where to search first: beside the selected call, else from the begin of the selected time or view, or from its end. */
  async from(forward, ids) {
    const { page } = this;
    const { call } = page.selection;
    const { thread, source } = call ?? { thread: page.thread.id, source: page.sourceOf(page.thread.id) };
    if (call && this.isInTime({ start_ns: call.start, duration_ns: call.duration }))
      return { thread, source, place: forward ? { after: call.call } : { before: call.call } };
    const [first, last] = page.state.range ?? page.views.ranges.time;
    if (forward) return { thread, source, place: { after_ns: Math.max(0, Math.floor(first)) } };
    return { thread, source, place: { before: await this.behind(thread, source, ids, last) } };
  }

  isInTime({ start_ns: start, duration_ns: duration }) {
    const { range } = this.page.state;
    return range === null || (start < range[1] && start + Math.max(1, duration) > range[0]);
  }

  /** Where to search when a thread has no more: in the next below from its begin, or the one above from its end. */
  async besideThread(id, ids, forward) {
    const { called, data, sourceOf, state } = this.page;
    const thread = called[called.findIndex((each) => each.id === id) + (forward ? 1 : -1)];
    if (!thread) return null;
    const at = { thread: thread.id, source: sourceOf(thread.id) };
    if (forward) return { ...at, place: { after_ns: Math.max(0, Math.floor(state.range?.[0] ?? 0)) } };
    const end = state.range?.[1] ?? data.domain[1];
    return { ...at, place: { before: await this.behind(at.thread, at.source, ids, end) } };
  }

  /** The number of a thread's first match behind a time, to search backwards from; of its end where there is none. */
  async behind(id, source, ids, time) {
    const { call } = await this.page.data.find(id, source, ids, { after_ns: Math.ceil(time) });
    const { sources } = this.page.called.find((thread) => thread.id === id);
    return call?.call ?? sources.find((each) => each.source === source).calls;
  }

  // --- events -----------------------------------------------------------------------

  /** Go to the next event of the tracks that are shown. */
  async event(forward) {
    const { page } = this;
    const shown = this.shown();
    const { events } = page.looks.matcher;
    const kinds = shown.filter((kind) => !events || events(kind));
    if (shown.length === 0)
      return page.pointing.tell("Nothing to step through: all tracks of events are hidden.");
    if (kinds.length === 0)
      return page.pointing.tell("Nothing to step through: the filter matches no event.");
    const found = await page.data.findEvent(page.process, kinds, this.fromEvent(forward));
    if (found) return page.selection.selectEvent(found, true);
    page.pointing.tell(forward ? "No later event." : "No earlier event.");
  }

  /** The kinds of events whose tracks are shown. */
  shown() {
    const { hidden } = this.page.state;
    const kinds = TRACK_ROWS.filter(({ track }) => !hidden.has(track)).flatMap((row) => row.kinds);
    return EVENT_KINDS.filter((kind) => kinds.includes(kind));
  }

  /** Where to search from: a group of events that are drawn as one is walked into. */
  fromEvent(forward) {
    const { event } = this.page.selection;
    const direction = forward ? "next" : "previous";
    const [from, to] = this.page.views.ranges.time;
    if (!event) return { direction, start_ns: Math.floor(forward ? from : to) };
    if (event.count > 1)
      return { direction, start_ns: Math.floor(forward ? event.start : event.start + event.duration) };
    return { direction, start_ns: event.start, from_kind: event.kind, from_id: event.id };
  }
}
