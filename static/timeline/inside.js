// Graying all but what the selected call calls: what that is, in each order of the calls.

import { rowByPath } from "./trees.js";

const EVERYTHING = { start: Number.NEGATIVE_INFINITY, end: Number.POSITIVE_INFINITY };
const NOTHING = { ...EVERYTHING, here: false };

/** What a selected call calls, on a page. */
export class Inside {
  constructor(page) {
    this.page = page;
    // The call that was asked about, and what is known of it: the functions above it, and those below.
    this.key = null;
    this.above = null;
    this.below = null;
    this.told = null;
  }

  get isOn() {
    return this.page.state.gray.has("inside");
  }

  /** What of a block stays coloured, as litRows takes it; null where that isn't known, or all of it does. */
  of(block) {
    if (!this.isOn) return null;
    const { state, views } = this.page;
    if (views.kind === "time" || block.kind === "overview") return this.inTime(block, state.view);
    return this.inMerged(block, this.page.selection.drawn());
  }

  inTime(block, view) {
    const { call } = this.page.selection;
    if (!call) return null;
    const here = block.thread === call.thread && block.source === call.source;
    const span = { here, start: call.start, end: call.start + call.duration };
    if (block.kind === "overview" || view !== "lines") return { ...span, depth: call.depth };
    // In a function's line stands the outermost of calls that are in each other.  So one that lies in the call's time and
    // is not of a function that led to the call is below it.
    return this.above && this.key === keyOf(call) ? { ...span, without: this.above } : null;
  }

  inMerged(block, place) {
    if (!place) return null;
    const rows = { here: true, start: place.start, end: place.start + place.duration };
    if (place.key !== "callers") return block.key === place.key ? { ...rows, depth: place.depth } : NOTHING;
    // The callers' first row is the function itself, and all of the callees are below it.
    if (place.depth > 0 || block.key !== "callers") return null;
    return { ...rows, most: 0 };
  }

  /** The functions that stay coloured in the table, or null where that isn't known or all do. */
  get functions() {
    const { call } = this.page.selection;
    return this.isOn && call && this.key === keyOf(call) ? this.below : null;
  }

  /** Ask for what the picture is lacking, and tell where there is no answer. */
  find() {
    const { selection, state } = this.page;
    const { call } = selection;
    if (!this.isOn || !call || call.depth === undefined || !["lines", "table"].includes(state.view)) return;
    const isNew = this.key !== keyOf(call);
    if (!isNew && (state.view === "lines" || this.below || this.asked)) return;
    if (isNew) Object.assign(this, { key: keyOf(call), above: null, below: null });
    this.asked = state.view === "table";
    selection.run(this.load(call, this.asked));
  }

  async load(call, withFunctions) {
    const { data, looks } = this.page;
    const path = await data.path(call.thread, call.source, call.call);
    const below = withFunctions ? await this.functionsBelow(call, path) : null;
    if (this.key !== keyOf(call)) return;
    this.above = new Set(path.slice(0, -1));
    this.below = below ?? this.below;
    looks.repaint();
  }

  /** The functions that ran below a call and its own: of its time alone, on its own path alone. */
  async functionsBelow(call, path) {
    const span = [call.start, call.start + Math.max(1, call.duration)];
    const { callees } = await this.page.data.sandwich(call.thread, call.source, call.what, span);
    const [columns] = callees.store.layers();
    const own = path.slice(path.indexOf(call.what));
    const root = rowByPath(columns, own);
    const found = new Set([call.what]);
    if (root < 0) return found;
    const test = { start: columns.begin[root], end: columns.begin[root] + columns.duration[root] };
    for (let i = 0; i < columns.length; i += 1) {
      const begin = columns.begin[i];
      const isBelow = columns.depth[i] >= own.length && begin >= test.start && begin < test.end;
      if (isBelow && (columns.duration[i] > 0 || columns.count[i] > 0)) found.add(columns.what[i]);
    }
    return found;
  }

  /** Why nothing is grayed in the picture as it is, or null. */
  get fault() {
    const { selection, views } = this.page;
    const { anchor, call } = selection;
    if (!this.isOn || !anchor) return null;
    if (views.kind === "time")
      return call ? null : `Select a call of ${anchor.qualname}: what it calls stays coloured.`;
    const place = selection.drawn();
    if (!place) return `${anchor.qualname} has no place in this picture, so nothing is grayed around it.`;
    return place.key === "callers" && place.depth > 0
      ? "What a function calls isn't told apart by its callers here, so nothing is grayed."
      : null;
  }

  /** Tell once of each picture why it isn't grayed. */
  tell() {
    const { fault } = this;
    if (fault !== null && fault !== this.told) this.page.pointing.announce(fault);
    this.told = fault;
  }
}

const keyOf = ({ thread, source, call }) => `${thread} ${source} ${call}`;
