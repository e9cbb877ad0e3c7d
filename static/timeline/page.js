// The page's state and what happens to it; what is drawn and how is made beside this.

import { element, fill } from "../element.js";
import { commandsOf } from "./acts.js";
import { card } from "./card.js";
import { commandOf } from "./commands.js";
import { crumbs } from "./crumbs.js";
import { sumTotals, threadTitle, timelineData } from "./data.js";
import { describePicture } from "./describe.js";
import { Drawing } from "./drawing.js";
import { clampRange, padRange } from "./geometry.js";
import { gestures } from "./gestures.js";
import { Looks } from "./looks.js";
import { minimap } from "./minimap.js";
import { forgetHatches } from "./overlay.js";
import { cssOf, readPalette } from "./palette.js";
import { panel } from "./panel.js";
import { Pointing } from "./pointing.js";
import { ruler } from "./ruler.js";
import { Selection } from "./selection.js";
import { stage } from "./stage.js";
import { table } from "./table.js";
import { helpSheet, toolbar } from "./toolbar.js";
import { ribbon, tracks } from "./tracks.js";
import { readState, writeState } from "./url-state.js";
import { Views } from "./views.js";
import { eventWords } from "./words.js";

const GUTTER = 72;
const URL_MS = 200;
const UNKNOWN = { id: -1, qualname: "not known", path: null, line: null, owner: null, group: "not known" };

/** The time line of one run. */
export class TimelinePage {
  constructor(place, run, info, functions) {
    this.place = place;
    this.run = run;
    this.info = info;
    this.functions = functions;
    this.threads = info.threads
      .filter(({ sources }) => sources.length > 0)
      .map((thread) => ({ ...thread, title: threadTitle(thread, info.processes) }));
    this.data = timelineData(run, info, {
      changed: () => this.drawing.schedule(),
      failed: (fault) => this.pointing.refuse(fault),
    });
    this.span = this.data.domain[1] - this.data.domain[0];
    this.state = readState(location.search);
    this.state.thread ??= this.threads[0]?.id ?? 0;
    this.zooms = [];
    this.totals = new Map();
    this.measured = null;
    this.looks = new Looks(this);
    this.pointing = new Pointing(this);
    this.drawing = new Drawing(this);
    this.views = new Views(this);
    this.selection = new Selection(this);
    this.build();
  }

  build() {
    this.tools = toolbar(this.threads, this.toolActions());
    this.crumbs = crumbs({
      whole: () => this.wholeRun(),
      back: (i) => this.backTo(i),
      clearRange: () => this.chooseRange(null),
      zoomRange: () => this.zoomTo(this.state.range, "selected time"),
    });
    this.minimap = minimap(GUTTER, {
      look: (range) => this.look(range, "time"),
      choose: (range) => {
        this.chooseRange(range);
        this.zoomTo(range, "selected time");
      },
      ended: () => this.ended(),
    });
    this.ruler = ruler(GUTTER, {
      choose: (range) => this.markRange(range),
      ended: () => this.rangeChosen(),
    });
    this.ribbon = ribbon(GUTTER, { point: (text) => this.pointing.say(text) });
    this.tracks = tracks(GUTTER, {
      point: (event) => this.pointing.say(event && eventWords(event)),
      choose: (event) => this.selection.clickEvent(event),
    });
    this.stage = stage(GUTTER);
    this.table = table({
      sort: (column) => this.sort(column),
      choose: (id) => this.selection.run(this.selection.selectFunction(id)),
    });
    this.panel = panel();
    this.card = card();
    this.help = helpSheet();
    this.assemble();
  }

  assemble() {
    this.status = element("div", { class: "status" });
    this.live = element("div", { class: "visually-hidden", role: "status" });
    this.progress = element("div", { class: "progress", role: "progressbar", "aria-label": "Loading" });
    const hint = element(
      "p",
      { class: "visually-hidden", id: "calls-help" },
      "Arrow keys go to callers, callees and neighbours; W and S zoom, A and D move; 5 shows the calls as a table; question mark lists all keys.",
    );
    this.selection.walk.attach(this.stage.pane);
    this.chart = element(
      "div",
      { class: "chart" },
      this.progress,
      this.minimap.element,
      this.ruler.element,
      this.ribbon.element,
      this.tracks.element,
      this.stage.pane,
      this.table.element,
      this.status,
    );
    fill(
      this.place,
      element("h1", { class: "visually-hidden" }, "Time line"),
      this.tools.element,
      element("div", { class: "way" }, this.crumbs.element, this.tools.filter),
      element("div", { class: "timeline" }, this.chart, this.panel.element),
      this.live,
      hint,
      this.card.element,
      this.help,
    );
  }

  start() {
    this.palette = readPalette(this.place);
    this.stage.measure();
    this.font = `11px ${getComputedStyle(this.stage.pane).fontFamily}`;
    this.gestures = gestures(this.stage, this.gestureActions());
    this.looks.applyFilter();
    this.looks.repaint();
    this.views.show(this.state.view);
    this.stage.pane.scrollTop = this.state.y;
    this.selection.restore();
    this.loadTotals();
    this.listen();
    this.stage.pane.focus({ preventScroll: true });
  }

  listen() {
    const { pane } = this.stage;
    new ResizeObserver(() => this.drawing.schedule()).observe(pane);
    new ResizeObserver(() => this.drawing.schedule()).observe(this.chart);
    pane.addEventListener("scroll", () => this.scrolled(), { passive: true });
    document.addEventListener("keydown", (event) => this.pressed(event));
    const retheme = () => {
      this.palette = readPalette(this.place);
      forgetHatches();
      this.looks.repaint();
    };
    document.addEventListener("themechange", retheme);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", retheme);
    matchMedia("(forced-colors: active)").addEventListener("change", retheme);
  }

  scrolled() {
    this.state.y = this.stage.pane.scrollTop;
    this.card.hide();
    this.drawing.schedule();
    this.remember();
  }

  processOf = (thread) =>
    this.info.processes[this.threads.find(({ id }) => id === thread)?.process] ?? { id: -1, paused: [] };
  functionOf = (id) => this.functions[id] ?? UNKNOWN;
  nameOf = (id) => this.functionOf(id).qualname;

  // --- what is in view --------------------------------------------------------------

  get range() {
    return this.views.range;
  }

  get domain() {
    return this.views.domain;
  }

  /** Look at a range of the current view, or with `kind` of that one. */
  look(range, kind = this.views.kind) {
    this.views.look(range, kind);
    this.drawing.schedule();
  }

  /** Look at a range that no gesture of the picture's own chose. */
  setRange(range) {
    this.look(range);
    this.ended();
  }

  ended() {
    this.gestures.sync();
    this.remember();
  }

  zoomTo(range, name) {
    if (!range) return;
    this.zooms.push({ name, before: this.range, range, kind: this.views.kind });
    this.setRange(range);
    this.showCrumbs();
  }

  backTo(i) {
    this.zooms.length = i + 1;
    this.setRange(this.zooms[i].range);
    this.showCrumbs();
  }

  /** Undo one thing: a measure, else a zoom, else the selection, else the selected time. */
  back() {
    if (this.tools.close()) return;
    this.card.hide();
    if (this.measured) this.measured = null;
    else if (this.zooms.length > 0) {
      this.setRange(this.zooms.pop().before);
      this.showCrumbs();
    } else if (this.selection.any) this.selection.clear();
    else if (this.state.range) this.chooseRange(null);
    this.drawing.schedule();
  }

  wholeRun() {
    this.zooms = [];
    this.setRange(this.domain);
    this.showCrumbs();
  }

  showCrumbs() {
    this.crumbs.show(this.zooms, this.state.range, this.span);
  }

  // --- the selected time ------------------------------------------------------------

  markRange(range) {
    this.state.range = range && clampRange(range, this.data.domain, 1);
    this.drawing.schedule();
  }

  chooseRange(range) {
    this.markRange(range);
    this.rangeChosen();
  }

  rangeChosen() {
    this.showCrumbs();
    this.views.forget();
    this.loadTotals();
    this.views.show(this.state.view);
    this.remember();
  }

  async loadTotals() {
    this.totalsAsked?.abort();
    const control = new AbortController();
    this.totalsAsked = control;
    const { range } = this.state;
    try {
      const answers = await Promise.all(
        this.threads.map(({ id }) => this.data.totals(id, this.sourceOf(id), range, control.signal)),
      );
      this.totals = sumTotals(answers);
    } catch (fault) {
      if (fault.name === "AbortError") return;
      this.pointing.refuse(fault);
    }
    if (this.totalsAsked === control) this.totalsAsked = null;
    this.looks.countMatches();
    this.looks.repaint();
    if (["lines", "sandwich"].includes(this.state.view)) this.views.show(this.state.view);
    this.selection.showDetails();
  }

  sourceOf(id) {
    const sources = this.threads.find((thread) => thread.id === id)?.sources ?? [];
    const sampled = this.state.sampled.has(id) && sources.find(({ source }) => source === "sampled");
    return (sampled || sources[0])?.source;
  }

  get thread() {
    return this.threads.find(({ id }) => id === this.state.thread) ?? this.threads[0] ?? null;
  }

  // --- acts -------------------------------------------------------------------------

  gestureActions() {
    return {
      domain: () => this.domain,
      range: () => this.range,
      look: (range) => {
        this.drawing.moved();
        this.card.hide();
        this.look(range);
      },
      ended: () => this.ended(),
      point: (place) => this.pointing.point(place),
      rest: (place) => this.pointing.rest(place).catch((fault) => this.pointing.refuse(fault)),
      choose: (place) => this.selection.run(this.selection.clickAt(place)),
      dive: (place) => this.selection.diveAt(place),
      measure: (measured) => {
        this.measured = measured;
        this.drawing.schedule();
      },
    };
  }

  toolActions() {
    return {
      view: (view) => this.setView(view),
      colour: (colour) => this.setColour(colour),
      gray: (mode) => this.looks.gray(mode),
      band: (band) => this.toggle("bands", band),
      track: (track) => this.toggle("hidden", track),
      thread: (id) => this.setThread(id),
      filter: (text) => this.looks.setFilter(text),
      step: (forward) => this.selection.step(forward),
      leave: () => this.stage.pane.focus(),
      help: () => this.help.showModal(),
    };
  }

  setView(view) {
    this.state.view = view;
    this.views.show(view);
    this.tools.show(this.state);
    this.remember();
  }

  setColour(colour) {
    this.state.colour = colour;
    this.looks.repaint();
    this.remember();
  }

  setThread(id) {
    this.state.thread = id;
    this.views.forget();
    this.views.show(this.state.view);
    if (this.state.view === "time") this.stage.revealBlock(`t${id}`);
    this.looks.repaint();
    this.remember();
  }

  toggle(set, member) {
    if (!this.state[set].delete(member)) this.state[set].add(member);
    this.tools.show(this.state);
    this.drawing.schedule();
    this.remember();
  }

  sort(column) {
    const first = column === "name" ? "asc" : "desc";
    const turned = this.state.order === "asc" ? "desc" : "asc";
    this.state.order = this.state.sort === column ? turned : first;
    this.state.sort = column;
    this.views.showTable();
    this.remember();
  }

  pressed(event) {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const held = event.ctrlKey || event.metaKey;
    const on = (selector) => event.target instanceof Element && event.target.closest(selector) !== null;
    if (!held && on("input, select, textarea")) return;
    if (["Enter", " "].includes(event.key) && on("a, button, summary")) return;
    const name = commandOf(event);
    if (name === null || (name === "copy" && !this.selection.anchor)) return;
    event.preventDefault();
    commandsOf(this)[name]();
  }

  remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.rememberNow(), URL_MS);
  }

  rememberNow() {
    clearTimeout(this.remembering);
    const { time } = this.views.ranges;
    const whole = time[0] <= this.data.domain[0] && time[1] >= this.data.domain[1];
    this.state.at = whole ? null : time;
    this.state.inner = this.views.inner;
    const thread = this.state.thread === this.threads[0]?.id ? null : this.state.thread;
    history.replaceState(null, "", location.pathname + writeState({ ...this.state, thread }));
  }

  describe() {
    return describePicture(this, { colour: cssOf });
  }

  /** Make room around a call's span for a zoom to it. */
  room = (start, duration) => padRange([start, start + Math.max(duration, 1)], 0.04, this.domain);
}
