// The selected call or event: how it is chosen, walked from, zoomed to and told.

import { abortUrl, traceUrl } from "../api.js";
import * as format from "../format.js";
import { MOST_FUNCTIONS_TO_FIND } from "./data.js";
import { eventBeside, TRACK_ROWS } from "./events.js";
import { EVENT_KINDS } from "./filter.js";
import { clampRange } from "./geometry.js";
import { showCall, showEvent, showNothing } from "./panel.js";
import { eventOf } from "./tracks.js";
import { walk } from "./walk.js";
import { callWords, eventWords } from "./words.js";

const JIT_KINDS = ["tracing", "optimising", "backend"];

/** What is selected on a page, of calls one and of events one. */
export class Selection {
  constructor(page) {
    this.page = page;
    this.call = null;
    this.event = null;
    this.of = null;
    this.walk = walk();
    this.underWay = 0;
  }

  get any() {
    return this.call !== null || this.event !== null || this.of !== null;
  }

  /** The function that graying goes by, or null. */
  get anchor() {
    const id = this.call?.what ?? this.of;
    return id === null || id === undefined ? null : (this.page.functions[id] ?? null);
  }

  /** The selected call where the picture has a place for it. */
  drawn() {
    const { call, page } = this;
    if (!call || page.views.kind === "sandwich") return null;
    if (page.state.view === "lines") return { ...call, key: `f${call.what}`, depth: 0 };
    if (page.state.view === "merged") return page.stage.rowOfMerged(call);
    return { ...call, key: `t${call.thread}` };
  }

  // --- choosing ---------------------------------------------------------------------

  async clickAt(place) {
    const { page } = this;
    const row = page.stage.hit(place.x, place.y, page.range);
    page.measured = null;
    if (row === null) return this.clear();
    if (row.call < 0) return this.selectFunction(row.what);
    const { thread, source } = row.block;
    const known = row.count === 1 && page.state.view === "time" ? row : null;
    return this.selectCall({ thread, source, call: row.call }, known);
  }

  diveAt(place) {
    const { page } = this;
    const row = page.stage.hit(place.x, place.y, page.range);
    if (row === null) return;
    if (page.views.kind === "sandwich") {
      page.state.of = row.what;
      page.setView("sandwich");
      return;
    }
    page.zoomTo(page.room(row.start, row.duration), page.nameOf(row.what));
  }

  /** Select a call by its number; `row` is what is known of it already. */
  async selectCall({ thread, source, call }, row = null) {
    const { page } = this;
    this.event = null;
    this.of = null;
    page.state.of = page.views.kind === "sandwich" ? page.state.of : null;
    page.state.event = null;
    page.state.call = { thread, source, call };
    const mine = { thread, source, call };
    if (row) {
      this.set({ ...mine, ...row, thread, source, block: undefined, key: undefined });
    }
    this.finding = page.data.call(thread, source, call);
    const facts = await this.finding;
    if (
      page.state.call?.call !== call ||
      page.state.call?.thread !== thread ||
      page.state.call.source !== source
    )
      return;
    this.set({ ...mine, ...factsOf(facts) });
    page.pointing.tell(callWords(this.call, page.functionOf(this.call.what)));
  }

  set(call) {
    this.call = call;
    this.showDetails();
    const { page } = this;
    const text = callWords(call, page.functionOf(call.what));
    this.walk.show(text, call.depth, call.around);
    page.looks.repaint();
    page.remember();
  }

  /** Select a function: of the table or the sandwich, with the largest of its calls where one is known. */
  selectFunction(id) {
    const { page } = this;
    const sum = page.totals.get(id);
    if (sum?.call !== null && sum?.call !== undefined && page.views.kind !== "sandwich") {
      const found = this.selectCall({ thread: sum.thread, source: sum.source, call: sum.call });
      // For whoever asks before the server has told of the call: it is one of this function.
      this.call = null;
      this.of = id;
      return found;
    }
    this.clear();
    this.of = id;
    this.showDetails();
    page.looks.repaint();
    return Promise.resolve();
  }

  clear() {
    const { page } = this;
    Object.assign(page.state, { call: null, event: null });
    this.call = null;
    this.event = null;
    this.of = null;
    this.walk.clear();
    this.showDetails();
    page.looks.repaint();
    page.remember();
  }

  /** Take up what the URL names. */
  restore() {
    const { call, event } = this.page.state;
    this.showDetails();
    if (call) this.run(this.selectCall(call));
    else if (event) this.event = { ...event };
  }

  /** Let an act run its course; the picture counts as unfinished until then. */
  async run(promise) {
    this.underWay += 1;
    try {
      await promise;
    } catch (fault) {
      this.page.pointing.refuse(fault);
    } finally {
      this.underWay -= 1;
      this.page.drawing.schedule();
    }
  }

  // --- walking ----------------------------------------------------------------------

  /** Go from the selected call to one beside it; without selection do the other thing. */
  go(where, otherwise) {
    if (!this.call) return otherwise();
    this.run(this.goFrom(where));
  }

  async goFrom(where) {
    const { page } = this;
    await this.finding;
    const to = this.call?.around?.[where];
    if (to === null || to === undefined) {
      return page.pointing.tell(NOWHERE[where]);
    }
    await this.selectCall({ thread: this.call.thread, source: this.call.source, call: to });
    this.reveal();
  }

  /** Bring the selected call into view, moving no more than needed. */
  reveal() {
    const { page, call } = this;
    if (!call) return;
    if (page.views.kind === "time") {
      const [from, to] = page.range;
      const out = call.start + call.duration <= from || call.start >= to;
      const wide = call.duration > to - from;
      if (out || (!wide && (call.start < from || call.start + call.duration > to))) {
        const middle = wide ? call.start + (to - from) * 0.4 : call.start + call.duration / 2;
        const half = (to - from) / 2;
        page.setRange(clampRange([middle - half, middle + half], page.domain));
      }
    }
    const place = this.drawn();
    if (place) page.stage.reveal(place.key, place.depth);
    page.drawing.schedule();
  }

  zoom() {
    const { page } = this;
    const place = this.drawn();
    if (place) page.zoomTo(page.room(place.start, place.duration), page.nameOf(this.call.what));
    else if (this.event)
      page.zoomTo(page.room(this.event.start, this.event.duration || 1e6), this.event.kind);
    else if (page.state.range && page.views.kind === "time") page.zoomTo(page.state.range, "selected time");
  }

  /** Go to the next call that the filter matches; without a filter, to the next of the same function. */
  step(forward) {
    this.run(this.stepTo(forward));
  }

  async stepTo(forward) {
    const { page } = this;
    const same = page.looks.matcher.functions === null && this.anchor ? [this.anchor.id] : null;
    const ids = same ?? page.looks.matches().map(([id]) => id);
    if (ids.length === 0 || (same === null && page.looks.matcher.functions === null)) {
      return page.pointing.tell("Nothing to step through: the filter matches no call.");
    }
    const thread = this.call?.thread ?? page.thread.id;
    const source = this.call?.source ?? page.sourceOf(thread);
    const wanted = ids.slice(0, MOST_FUNCTIONS_TO_FIND);
    let at = { thread, source, place: this.from(forward) };
    while (at) {
      const { call } = await page.data.find(at.thread, at.source, wanted, at.place);
      if (call) {
        await this.selectCall({ thread: at.thread, source: at.source, call: call.call });
        return this.reveal();
      }
      at = this.besideThread(at.thread, forward);
    }
    page.pointing.tell(forward ? "No further match." : "No earlier match.");
  }

  /** The thread to search when one has no more: the next below, or the one above from its end. */
  besideThread(id, forward) {
    const { threads } = this.page;
    const thread = threads[threads.findIndex((each) => each.id === id) + (forward ? 1 : -1)];
    if (!thread) return null;
    const source = this.page.sourceOf(thread.id);
    const { calls } = thread.sources.find((each) => each.source === source);
    return { thread: thread.id, source, place: forward ? { after_ns: 0 } : { before: calls } };
  }

  from(forward) {
    if (this.call) return forward ? { after: this.call.call } : { before: this.call.call };
    const [from] = this.page.views.ranges.time;
    return { after_ns: Math.max(0, Math.floor(from)) };
  }

  // --- events -----------------------------------------------------------------------

  /** Find out when an event that the URL names began, once a window at hand has it. */
  locateEvent() {
    const { page, event } = this;
    if (!event || event.start !== undefined) return;
    const kind = EVENT_KINDS.indexOf(event.kind);
    for (const columns of page.data.events(page.thread?.process ?? 0).all()) {
      const i = columns.call.findIndex((id, row) => id === event.id && columns.what[row] === kind);
      if (i < 0) continue;
      this.event = eventOf(columns, i);
      this.showDetails();
      return;
    }
  }

  stepEvent(forward) {
    const { page } = this;
    const [from, to] = page.views.ranges.time;
    const allowed = (columns, i) => {
      const kind = EVENT_KINDS[columns.what[i]];
      const { track } = TRACK_ROWS.find(({ kinds }) => kinds.includes(kind));
      return !page.state.hidden.has(track) && (!page.looks.matcher.events || page.looks.matcher.events(kind));
    };
    const at = this.event?.start ?? (forward ? from - 1 : to + 1);
    const windows = page.data.events(page.thread?.process ?? 0).all();
    for (const columns of windows.filter((each) => each.start <= at + 1 && each.end >= at - 1)) {
      const i = eventBeside(columns, at, forward, allowed);
      if (i >= 0) return this.selectEvent(eventOf(columns, i), true);
    }
    page.pointing.tell(forward ? "No later event." : "No earlier event.");
  }

  selectEvent(event, reveal = false) {
    const { page } = this;
    this.call = null;
    this.of = null;
    this.event = event;
    page.state.call = null;
    page.state.event = { kind: event.kind, id: event.id };
    this.walk.clear();
    this.showDetails();
    page.pointing.tell(eventWords(event));
    const [from, to] = page.views.ranges.time;
    if (reveal && page.views.kind === "time" && (event.start < from || event.start + event.duration > to)) {
      const half = (to - from) / 2;
      page.setRange(clampRange([event.start - half, event.start + half], page.domain));
    }
    page.looks.repaint();
    page.remember();
  }

  /** A click on JIT work opens what came of it; other events are shown beside the picture. */
  clickEvent(event) {
    this.selectEvent(event);
    if (JIT_KINDS.includes(event.kind) || event.kind === "abort") this.open();
  }

  /** Open the selected event's or call's trace. */
  open() {
    const { page, event, call } = this;
    page.rememberNow();
    if (event?.kind === "abort") location.assign(abortUrl(page.run, event.id));
    else if (event && JIT_KINDS.includes(event.kind)) location.assign(traceUrl(page.run, event.id));
    else if (call?.trace >= 0) location.assign(traceUrl(page.run, call.trace));
    else page.pointing.tell("No trace belongs to what is selected.");
  }

  // --- telling ----------------------------------------------------------------------

  copy() {
    const each = this.anchor;
    const text = `${each.qualname} ${each.path ?? ""}:${each.line}`;
    navigator.clipboard?.writeText(text);
    this.page.pointing.tell(`Copied: ${each.qualname} ${format.place(each.path, each.line)}`);
  }

  showDetails() {
    const { page, call, event } = this;
    const place = page.panel.details;
    const { run, span } = page;
    if (event) {
      if (["mark", "span"].includes(event.kind)) this.run(this.showMark(event));
      else if (event.start !== undefined) showEvent(place, { event, run, mark: null });
      return;
    }
    const id = call?.what ?? this.of;
    if (id === null || id === undefined)
      return showNothing(
        place,
        "Click a call to see it here. Ctrl-wheel zooms, dragging moves, ? lists the keys.",
      );
    const actions = {
      zoom: () => this.zoom(),
      sandwich: () => {
        page.state.of = id;
        page.setView("sandwich");
      },
      only: () => page.looks.setFilter(`name:${page.nameOf(id)}`),
    };
    showCall(place, { call, each: page.functionOf(id), sum: page.totals.get(id), run, span }, actions);
  }

  async showMark(event) {
    const { page } = this;
    page.marks ??= page.data.marks();
    const mark = (await page.marks).find(({ id }) => id === event.id) ?? null;
    if (this.event === event) showEvent(page.panel.details, { event, run: page.run, mark });
  }
}

const NOWHERE = {
  parent: "No caller: this is the outermost call.",
  first_child: "It calls nothing that was recorded.",
  previous: "No call before it beside it.",
  next: "No call after it beside it.",
};

/** A call of the API as the picture speaks of calls. */
export function factsOf(facts) {
  return {
    depth: facts.depth,
    start: facts.start_ns,
    duration: facts.duration_ns,
    self: facts.self_ns,
    what: facts.function,
    count: 1,
    busy: facts.duration_ns,
    state: facts.state ?? -1,
    trace: facts.trace ?? -1,
    children: facts.children,
    around: facts,
  };
}
