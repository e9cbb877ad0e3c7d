// How calls look: their colours, what is grayed, what the filter leaves, and the legend that says so.

import * as format from "../format.js";
import { functionColours } from "./colours.js";
import { litFunctions, litRows } from "./dim.js";
import { FilterFault, makeMatcher, parseFilter } from "./filter.js";
import { legendOf } from "./legend.js";
import { showLegend } from "./panel.js";
import { pausedTime } from "./pauses.js";
import { viewShares } from "./ribbon.js";

/** The looks of a page's calls. */
export class Looks {
  constructor(page) {
    this.page = page;
    this.matcher = { functions: null, events: null };
  }

  /** Make anew how rows are coloured, and all that shows it. */
  repaint() {
    this.recolour();
    this.showLegend();
    this.page.views.showTable();
    this.page.tools.show(this.page.state);
  }

  recolour() {
    const { palette, state } = this.page;
    const colours = functionColours(state.colour, this.page.functions, this.page.totals, palette);
    const anchor = this.page.selection.anchor;
    const lit = litFunctions(this.page.functions, state.gray, anchor, this.matcher.functions);
    const highlight = this.page.pointing.row?.what ?? -1;
    const base = { states: palette.states, paper: palette.paper, dim: palette.dim, ink: palette.ink };
    this.paint = {
      lit: (block) => litRows(lit, this.insideOf(block)),
      look: (block) => ({
        ...base,
        functions: colours,
        highlight,
        row: state.colour === "thread" ? palette.hues[block.thread % palette.hues.length] : null,
        byState: state.colour === "state",
      }),
    };
    this.colours = colours;
    this.lit = lit;
    this.page.drawing.schedule();
  }

  insideOf(block) {
    const { call } = this.page.selection;
    if (!this.page.state.gray.has("inside") || !call || this.page.views.kind !== "time") return null;
    const here = block.thread === call.thread && block.source === call.source;
    const depth = block.kind === "line" ? 0 : call.depth;
    return { here, depth, start: call.start, end: call.start + call.duration };
  }

  showLegend() {
    const shares = this.page.state.colour === "state" ? this.sharesInView() : null;
    const threads = this.page.called.map((thread) => ({ ...thread, calls: thread.sources[0].calls }));
    const filter = (text) => () => this.setFilter(text);
    const { functions, totals, palette, info, state } = this.page;
    const paused = pausedTime(info.processes, state.range);
    showLegend(
      this.page.panel.legend,
      legendOf(state.colour, { functions, totals, palette, shares, threads, filter, paused }),
    );
  }

  sharesInView() {
    const range = this.page.views.kind === "time" ? this.page.range : this.page.data.domain;
    const layers = this.page.thread
      ? this.page.data.states(this.page.thread.id).layers(range, this.page.stage.size.width)
      : [];
    return layers.length > 0 ? viewShares(layers.at(-1).answer, range) : null;
  }

  gray(mode) {
    if (mode === null) this.page.state.gray.clear();
    else if (!this.page.state.gray.delete(mode)) this.page.state.gray.add(mode);
    if (mode !== null && !this.page.selection.anchor)
      this.page.pointing.announce("Select a call first: the rest is grayed around it.");
    this.repaint();
    this.page.remember();
  }

  setFilter(text) {
    this.page.state.filter = text;
    this.page.tools.field.value = text;
    this.applyFilter();
    if (this.page.state.view === "lines") this.page.views.show("lines");
    this.repaint();
    this.page.remember();
  }

  applyFilter() {
    try {
      this.matcher = makeMatcher(parseFilter(this.page.state.filter), this.page.functions);
      this.page.tools.refuse(null);
    } catch (fault) {
      if (!(fault instanceof FilterFault)) throw fault;
      this.page.tools.refuse(fault.message);
      this.page.tools.tell("");
      return;
    }
    this.countMatches();
  }

  /** The functions that match and were called in the selected time, most time first. */
  matches() {
    const test = this.matcher.functions;
    const called = [...this.page.totals].filter(
      ([id]) => this.page.functions[id] && (!test || test(this.page.functions[id])),
    );
    return called.sort((one, other) => other[1].self - one[1].self);
  }

  countMatches() {
    if (!this.matcher.functions) return this.page.tools.tell("");
    const found = this.matches();
    const self = found.reduce((sum, [, each]) => sum + each.self, 0);
    const calls = found.reduce((sum, [, each]) => sum + each.calls, 0);
    const all = [...this.page.totals.values()].reduce((sum, each) => sum + each.self, 0);
    const part = all > 0 ? format.share(self / all) : format.share(0);
    this.page.tools.tell(
      `${format.counted(found.length, "function")}, ${format.counted(calls, "call")}, ${part}`,
    );
  }
}
