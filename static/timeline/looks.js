// How calls look: their colours, what is grayed, what the filter leaves, and the legend that says so.

import { fetchTimeline } from "../api.js";
import * as format from "../format.js";
import { functionColours, placeIn } from "./colours.js";
import { windowOf } from "./columns.js";
import { applies, litFunctions, litRows } from "./dim.js";
import { countEvents } from "./events.js";
import { FilterFault, makeMatcher, parseFilter } from "./filter.js";
import { Inside } from "./inside.js";
import { keyOf, legendOf, sumOf } from "./legend.js";
import { showKey, showLegend } from "./panel.js";
import { pausedTime } from "./pauses.js";
import { viewShares } from "./ribbon.js";
import { windowStore } from "./store.js";
import { countedCalls } from "./words.js";

// Of a selected time the shares of states are asked for in so many parts.
const SHARES = 1000;
const NO_FILTER = { functions: null, events: null };

/** The looks of a page's calls. */
export class Looks {
  constructor(page) {
    this.page = page;
    this.matcher = NO_FILTER;
    this.inside = new Inside(page);
    // Counts what changes more than which function is pointed at.
    this.version = 0;
    this.madeFor = -1;
    this.chosen = new Map();
  }

  /** Make anew how rows are coloured, and all that shows it. */
  repaint() {
    this.version += 1;
    this.recolour();
    this.showLegend();
    this.page.views.showTable();
    this.page.tools.show(this.page.state);
  }

  recolour() {
    const { palette, state, processOf } = this.page;
    this.makeColours();
    const { colours, known } = this;
    const highlight = this.page.pointing.row?.what ?? -2;
    const base = { states: palette.states, paper: palette.paper, dim: palette.dim, ink: palette.ink };
    const hueOf = {
      thread: ({ thread }) => palette.hues[thread % palette.hues.length],
      process: ({ thread }) => palette.hues[Math.max(0, processOf(thread).id) % palette.hues.length],
    }[state.colour];
    this.paint = {
      version: this.version,
      lit: (block) => litRows(known, this.inside.of(block)),
      look: (block) => ({
        ...base,
        functions: colours,
        highlight,
        row: hueOf ? hueOf(block) : null,
        byState: state.colour === "state",
      }),
    };
    this.page.drawing.schedule();
  }

  /** Make the colours of functions and which stay coloured, unless nothing but the pointer has moved. */
  makeColours() {
    if (this.madeFor === this.version) return;
    const { functions, totals, palette, state, selection } = this.page;
    this.madeFor = this.version;
    this.colours = functionColours(state.colour, functions, totals, palette);
    this.known = litFunctions(functions, state.gray, selection.anchor, this.matcher.functions);
  }

  /** The colour of a function, or of another driver's loop. */
  colourOf(id) {
    return this.colours[placeIn(this.colours, id)];
  }

  /** Whether a function stays coloured where functions are listed, not calls. */
  isLit(id) {
    const below = this.inside.functions;
    return (this.known === null || this.known[placeIn(this.known, id)] === 1) && (below?.has(id) ?? true);
  }

  // --- the legend -------------------------------------------------------------------

  showLegend() {
    const { totals, palette, info, state, functionOf, functions } = this.page;
    const filter = (text) => () => this.setFilter(text);
    const isByState = state.colour === "state";
    const facts = {
      functionOf,
      functions,
      totals,
      palette,
      filter,
      shares: isByState ? this.shares() : null,
      of: this.ofWhat(),
      threads: state.colour === "thread" ? this.threadSums() : [],
      processes: state.colour === "process" ? this.processSums() : [],
      paused: pausedTime(info.processes, state.range),
    };
    showLegend(this.page.panel.legend, legendOf(state.colour, facts));
    this.showKey();
  }

  /** Name the colours above the calls; the shares are of what is in view, as the ribbon shows it. */
  showKey() {
    const { thread, state, views, called, palette, panel } = this.page;
    // Merged calls have no tracks above them.
    if (views.kind !== "time") return showKey(panel.key, []);
    const when = views.isWhole("time") ? "" : "in view";
    const whose = [called.length > 1 && thread && `of ${thread.title}`, when].filter(Boolean).join(", ");
    // Where calls are coloured by it, the legend itself names the states.
    const hidden = state.colour === "state" ? new Set([...state.hidden, "ribbon"]) : state.hidden;
    const shares = thread ? this.sharesIn(this.page.data.states(thread.id), views.ranges.time) : null;
    showKey(panel.key, keyOf({ palette, shares, hidden, whose, bands: state.bands }));
  }

  sharesIn(store, range, width = this.page.stage.size.width) {
    const answer = store.layers(range, width).at(-1)?.answer;
    return answer ? viewShares(answer, range) : null;
  }

  ofWhat() {
    const { thread, state, views } = this.page;
    const when = state.range ? "in the selected time" : views.kind === "time" ? "in view" : "in all";
    return this.page.called.length > 1 ? `of ${thread.title}, ${when}` : when;
  }

  threadSums() {
    return this.page.threads.map(({ id, title, sources }) => ({
      title,
      hint: this.page.sourceOf(id) === "sampled" ? "stretches of samples and their self time" : undefined,
      hue: id,
      sum: sources.length > 0 ? sumOf(this.page.totalsOf(id)) : null,
    }));
  }

  processSums() {
    return this.page.info.processes.map(({ id, pid, command }) => {
      const called = this.page.called.filter(({ process }) => process === id);
      const sums = called.map((thread) => sumOf(this.page.totalsOf(thread.id)));
      const sum = sumOf(new Map(sums.entries()));
      return {
        title: [pid, ...command].join(" "),
        hint: command.join(" "),
        hue: id,
        sum: called.length > 0 ? sum : null,
      };
    });
  }

  /** The shares of the VM's states of the chosen thread, in the selected time or else in view; null while not known. */
  shares() {
    const { thread, state, views, data } = this.page;
    if (!thread) return null;
    if (state.range) return this.sharesIn(this.chosenStates(thread.id), state.range, SHARES);
    return this.sharesIn(data.states(thread.id), views.kind === "time" ? this.page.range : data.domain);
  }

  /** What the legend is to be made from and isn't on the picture, as the drawing's other wishes. */
  wishes() {
    const { state, thread } = this.page;
    if (state.colour !== "state" || !state.range || !thread) return [];
    return [[this.chosenStates(thread.id), state.range, SHARES]];
  }

  /** A thread's states in a selected time, which needn't be that in view. */
  chosenStates(thread) {
    const { run, data, drawing, pointing } = this.page;
    if (!this.chosen.has(thread)) {
      const fetch = async ({ start, end, width }, signal) => {
        const answer = await fetchTimeline(run, ["states"], { thread, start, end, width }, signal);
        return { ...windowOf(answer), length: answer.samples.length, answer };
      };
      const changed = () => drawing.schedule();
      const failed = (fault) => pointing.refuse(fault);
      this.chosen.set(thread, windowStore({ fetch, domain: data.domain, changed, failed }));
    }
    return this.chosen.get(thread);
  }

  /** All that was asked for is there: tell what hangs on it. */
  settled() {
    if (this.page.state.colour === "state") this.showLegend();
    else this.showKey();
    if (this.matcher.events) this.countMatches();
    this.inside.tell();
  }

  // --- graying and filtering --------------------------------------------------------

  gray(mode) {
    const { state, selection, pointing } = this.page;
    const { anchor } = selection;
    if (anchor && mode !== null && !state.gray.has(mode) && !applies(mode, anchor))
      return pointing.announce(`${anchor.qualname} belongs to no ${mode}.`);
    if (mode === null) state.gray.clear();
    else if (!state.gray.delete(mode)) state.gray.add(mode);
    if (mode !== null && !anchor) pointing.announce("Select a call first: the rest is grayed around it.");
    this.inside.told = null;
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
      // Nothing is grayed by what was there before: a link with this filter shows the same.
      this.matcher = NO_FILTER;
      this.page.tools.refuse(fault.message);
    }
    this.countMatches();
  }

  /** The functions that match and were called in the selected time, most time first. */
  matches() {
    const test = this.matcher.functions;
    const called = [...this.page.totals].filter(([id]) => !test || test(this.page.functionOf(id)));
    return called.sort((one, other) => other[1].self - one[1].self);
  }

  countMatches() {
    if (!this.matcher.functions) return this.tellCount("");
    const found = this.matches();
    const events = this.eventsMatched();
    const parts = events === null || found.length > 0 ? [this.callsOf(found)] : [];
    this.tellCount([...parts, events].filter(Boolean).join("; "));
  }

  callsOf(found) {
    const sum = sumOf(new Map(found));
    const all = sumOf(this.page.totals).self;
    const part = format.share(all > 0 ? sum.self / all : 0);
    return `${format.counted(found.length, "function")}, ${countedCalls(sum.calls, this.page.source)}, ${part}`;
  }

  /** The events that match, of those at hand, in words; null where the filter says nothing of events. */
  eventsMatched() {
    const { state, data, process, views } = this.page;
    const { events } = this.matcher;
    if (!events) return null;
    const range = state.range ?? views.ranges.time;
    const columns = data
      .events(process)
      .layers(range, this.page.stage.size.width)
      .findLast(({ start, end }) => start <= range[0] && end >= range[1]);
    if (!columns) return null;
    const isAll = range[0] <= data.domain[0] && range[1] >= data.domain[1];
    const where = isAll ? "" : state.range ? " in the selected time" : " in view";
    return `${format.counted(countEvents(columns, range, events), "event")}${where}`;
  }

  /** Tell how much matches, if that is news to who listens. */
  tellCount(text) {
    if (text !== this.counted) this.page.tools.tell(text);
    this.counted = text;
  }
}
