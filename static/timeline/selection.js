// The selected call or event: how it is chosen, walked from, zoomed to and told.

import { abortUrl, traceUrl } from "../api.js";
import * as format from "../format.js";
import { onlyText } from "./filter.js";
import { clampRange } from "./geometry.js";
import { showCall, showEvent, showNothing } from "./panel.js";
import { Stepping } from "./stepping.js";
import { walk } from "./walk.js";
import { callWords, eventWords } from "./words.js";

const JIT_KINDS = ["tracing", "optimising", "backend"];

/** What is selected on a page, of calls one and of events one. */
export class Selection {
  // Where merged calls show what is selected: {view, key, what}, and a path or {depth, start, duration}.
  #spot = null;

  constructor(page) {
    this.page = page;
    this.call = null;
    this.event = null;
    this.of = null;
    this.walk = walk();
    this.stepping = new Stepping(page);
    this.underWay = 0;
  }

  get any() {
    return this.call !== null || this.event !== null || this.of !== null;
  }

  /** The function that graying goes by, or null. */
  get anchor() {
    const id = this.call?.what ?? this.of;
    return id === null || id === undefined ? null : this.page.functionOf(id);
  }

  /** What is selected where the picture has a place for it: {key, depth, start, duration}, or null. */
  drawn() {
    const { call, page } = this;
    if (page.views.kind !== "time") return this.drawnMerged();
    if (!call) return null;
    if (page.state.view !== "lines") return { ...call, key: `t${call.thread}` };
    const isHere = call.thread === page.thread.id && call.source === page.sourceOf(call.thread);
    return isHere ? { ...call, key: `f${call.what}`, depth: 0 } : null;
  }

  drawnMerged() {
    const { anchor, call, spot, page } = this;
    if (anchor === null) return null;
    if (spot?.view === page.state.view && spot.what === anchor.id)
      return spot.path ? page.stage.rowOfPath(page.thread.id, spot.path, spot.key) : spot;
    if (page.state.view === "merged") return call?.path ? page.stage.rowOfPath(call.thread, call.path) : null;
    return anchor.id === page.state.of ? page.stage.rowOfPath(page.thread.id, [anchor.id], "callees") : null;
  }

  // --- choosing ---------------------------------------------------------------------

  async clickAt(place) {
    const { page } = this;
    const row = page.stage.hit(place.x, place.y, page.range);
    page.measured = null;
    if (row === null) return this.clear();
    const spot = this.spotOf(row);
    if (row.call < 0) return this.selectFunction(row.what, spot);
    const { thread, source } = row.block;
    const known = row.count === 1 && page.state.view === "time" ? row : null;
    return this.selectCall({ thread, source, call: row.call }, known, spot);
  }

  /** Where merged calls show a row; what a sandwich shows at a place is found again by the path that leads there. */
  spotOf(row) {
    const { view } = this.page.state;
    const { key, depth, start, duration, what } = row;
    if (this.page.views.kind === "time") return null;
    if (view === "sandwich") return { view, key, what, path: this.page.stage.pathTo(row) };
    return { view, key, depth, start, duration, what };
  }

  get spot() {
    return this.#spot;
  }

  /** The URL has the place in a sandwich. */
  set spot(spot) {
    this.#spot = spot;
    this.page.state.spot = spot?.path ? { key: spot.key, path: spot.path } : null;
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
    page.ways.to(page.room(row.start, row.duration), page.nameOf(row.what));
  }

  /** Select a call by its number; `row` is what is known of it already, `spot` where merged calls show it. */
  async selectCall({ thread, source, call }, row = null, spot = null) {
    const { page } = this;
    const mine = { thread, source, call };
    Object.assign(this, { event: null, of: null, spot });
    Object.assign(page.state, { event: null, picked: null, call: mine });
    page.state.of = page.views.kind === "sandwich" ? page.state.of : null;
    page.follow(thread);
    if (row) this.set({ ...mine, ...row, thread, source, block: undefined, key: undefined });
    this.finding = page.data.call(thread, source, call);
    const facts = await this.finding;
    if (!this.isWanted(mine)) return;
    this.set({ ...mine, ...factsOf(facts) });
    page.pointing.tell(callWords(this.call, page.functionOf(this.call.what)));
    await this.findPath();
  }

  isWanted({ thread, source, call }) {
    const wanted = this.page.state.call;
    return wanted?.call === call && wanted.thread === thread && wanted.source === source;
  }

  /** Find out by which functions the selected call was reached, where the picture goes by that. */
  async findPath() {
    const { call, page } = this;
    if (!call || call.path || page.state.view !== "merged") return;
    const path = await page.data.path(call.thread, call.source, call.call);
    if (this.isWanted(call)) this.set({ ...this.call, path });
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
  selectFunction(id, spot = null) {
    const { page } = this;
    const sums = page.views.kind === "sandwich" ? page.sums.of(page.thread.id) : page.sums.all;
    const sum = sums.get(id);
    if (sum?.call !== null && sum?.call !== undefined) {
      const found = this.selectCall({ thread: sum.thread, source: sum.source, call: sum.call }, null, spot);
      // For whoever asks before the server has told of the call: it is one of this function.
      this.call = null;
      this.of = id;
      return found;
    }
    this.clear();
    Object.assign(this, { of: id, spot });
    page.state.picked = id;
    this.showDetails();
    page.looks.repaint();
    return Promise.resolve();
  }

  clear() {
    const { page } = this;
    Object.assign(page.state, { call: null, event: null, picked: null });
    Object.assign(this, { call: null, event: null, of: null, spot: null });
    this.walk.clear();
    this.showDetails();
    page.looks.repaint();
    page.remember();
  }

  /** Take up what the URL names. */
  restore() {
    const { missing, pointing, state } = this.page;
    const { call, event, picked } = state;
    const spot = state.spot && { ...state.spot, view: "sandwich", what: state.spot.path.at(-1) };
    Object.assign(this, { of: picked, spot });
    this.showDetails();
    if (missing.length > 0) {
      pointing.tell(missing.join(" "));
      this.page.remember();
    }
    if (call) this.run(this.selectCall(call, null, spot));
    else if (event) this.run(this.restoreEvent(event));
  }

  async restoreEvent({ kind, id }) {
    const { page } = this;
    const event = await page.data.event(page.process, kind, id);
    if (event) return this.selectEvent(event);
    page.state.event = null;
    page.remember();
    page.pointing.announce(`The run has no ${kind} ${id} in this process.`);
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
    if (!this.call && !this.of) return otherwise();
    this.stepping.queue(() => this.goFrom(where));
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

  /** Bring what is selected into view, moving no more than needed. */
  reveal() {
    const { page, call } = this;
    if (!call) return;
    if (page.state.view === "time") page.views.unfold(call.thread);
    const place = this.drawn();
    if (place) {
      const [from, to] = page.range;
      const out = place.start + place.duration <= from || place.start >= to;
      const wide = place.duration > to - from;
      if (out || (!wide && (place.start < from || place.start + place.duration > to))) {
        const middle = wide ? place.start + (to - from) * 0.4 : place.start + place.duration / 2;
        const half = (to - from) / 2;
        page.setRange(clampRange([middle - half, middle + half], page.domain));
      }
      page.stage.reveal(place.key, place.depth);
    }
    if (page.state.view === "table") page.table.reveal(call.what);
    page.drawing.schedule();
  }

  zoom() {
    const { page, event } = this;
    const place = this.drawn();
    const isTime = page.views.kind === "time";
    if (place) {
      page.ways.to(page.room(place.start, place.duration), this.anchor.qualname);
      page.stage.reveal(place.key, place.depth);
    } else if (event && isTime) page.ways.to(page.room(event.start, event.duration || 1e6), event.kind);
    else if (page.state.range && isTime) page.ways.to(page.state.range, "selected time");
    else page.pointing.tell("Nothing to zoom to: select a call that is in this picture first.");
  }

  /** Select the row of the table above or below the selected one. */
  stepRow(by) {
    const id = this.page.table.beside(this.anchor?.id ?? null, by);
    if (id === null) return;
    this.run(this.selectFunction(id));
    this.page.table.reveal(id);
  }

  // --- events -----------------------------------------------------------------------

  selectEvent(event, reveal = false) {
    const { page } = this;
    Object.assign(this, { call: null, of: null, spot: null, event });
    Object.assign(page.state, { call: null, picked: null, event: { kind: event.kind, id: event.id } });
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
      else showEvent(place, { event, run, mark: null });
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
      only: () => page.looks.setFilter(onlyText(page.functionOf(id), page.functions)),
    };
    showCall(
      place,
      { call, each: page.functionOf(id), sum: page.sums.all.get(id), run, span, source: page.source },
      actions,
    );
  }

  async showMark(event) {
    const { page } = this;
    const mark = await page.data.mark(event.id);
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
