// The page's state and what happens to it; what is drawn and how is made beside this.

import { element, fill } from "../element.js";
import { commandsOf, gesturesOf, toolsOf } from "./acts.js";
import { card } from "./card.js";
import { commandOf } from "./commands.js";
import { crumbs } from "./crumbs.js";
import { threadTitle, timelineData } from "./data.js";
import { describePicture } from "./describe.js";
import { Drawing } from "./drawing.js";
import { functionIn } from "./functions.js";
import { clampRange, padRange } from "./geometry.js";
import { gestures } from "./gestures.js";
import { Looks } from "./looks.js";
import { MatchLane } from "./match-lane.js";
import { minimap } from "./minimap.js";
import { dropMissing } from "./missing.js";
import { forgetHatches } from "./overlay.js";
import { cssOf, readPalette } from "./palette.js";
import { panel } from "./panel.js";
import { Pointing } from "./pointing.js";
import { ruler } from "./ruler.js";
import { Selection } from "./selection.js";
import { stage } from "./stage.js";
import { Sums } from "./sums.js";
import { table } from "./table.js";
import { helpSheet, toolbar } from "./toolbar.js";
import { ribbon, tracks } from "./tracks.js";
import { readState, writeState } from "./url-state.js";
import { Views } from "./views.js";
import { Zooms } from "./zooms.js";

const GUTTER = 72;
const URL_MS = 200;

/** The time line of one run. */
export class TimelinePage {
  constructor(place, run, info, functions) {
    this.place = place;
    this.run = run;
    this.info = info;
    this.functions = functions;
    this.threads = info.threads.map((thread) => ({ ...thread, title: threadTitle(thread, info.processes) }));
    this.called = this.threads.filter(({ sources }) => sources.length > 0);
    this.data = timelineData(run, info, {
      changed: () => this.drawing.schedule(),
      failed: (fault) => this.pointing.refuse(fault),
    });
    this.span = this.data.domain[1] - this.data.domain[0];
    this.state = readState(location.search);
    this.firstThread = (this.called[0] ?? this.threads[0])?.id ?? 0;
    this.missing = dropMissing(this.state, this.threads);
    this.state.thread ??= this.firstThread;
    this.ways = new Zooms(this);
    this.sums = new Sums(this);
    this.measured = null;
    this.dragged = null;
    this.looks = new Looks(this);
    this.pointing = new Pointing(this);
    this.drawing = new Drawing(this);
    this.views = new Views(this);
    this.selection = new Selection(this);
    this.build();
  }

  build() {
    this.tools = toolbar(this.threads, toolsOf(this));
    this.crumbs = crumbs({
      whole: () => this.ways.whole(),
      back: (i) => this.ways.backTo(i),
      clearRange: () => this.chooseRange(null),
      zoomRange: () => {
        if (this.views.kind !== "time") this.setView("time");
        this.ways.to(this.state.range, "selected time");
      },
    });
    this.minimap = minimap(GUTTER, {
      look: (range) => this.look(range, "time"),
      choose: (range) => {
        this.chooseRange(range);
        this.ways.to(this.state.range, "selected time", "time");
      },
      ended: () => this.ended(),
    });
    this.ruler = ruler(GUTTER, {
      choose: (range) => this.dragTo(range),
      ended: () => this.dragEnded(),
    });
    this.ribbon = ribbon(GUTTER, { point: (text) => this.pointing.say(text) });
    this.tracks = tracks(GUTTER, {
      point: (event) => this.pointing.pointEvent(event),
      choose: (event) => this.selection.clickEvent(event),
    });
    this.matchLane = new MatchLane(this, GUTTER);
    this.stage = stage(GUTTER);
    this.table = table({
      sort: (column) => this.sort(column),
      choose: (id) => this.selection.run(this.selection.selectFunction(id)),
      scrolled: (y) => this.scrolled(y),
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
      this.matchLane.element,
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
    this.gestures = gestures(this.stage, this.chart, gesturesOf(this));
    this.looks.applyFilter();
    this.looks.repaint();
    this.views.open(this.state.view);
    this.selection.restore();
    this.sums.load();
    this.listen();
    this.focusView();
  }

  listen() {
    const { pane } = this.stage;
    new ResizeObserver(() => this.drawing.schedule()).observe(pane);
    new ResizeObserver(() => this.drawing.schedule()).observe(this.chart);
    pane.addEventListener("scroll", () => this.scrolled(pane.scrollTop), { passive: true });
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

  scrolled(y) {
    this.views.scrolledTo(y);
    this.card.hide();
    this.pointing.again();
    this.drawing.schedule();
    this.remember();
  }

  processOf = (thread) =>
    this.info.processes[this.threads.find(({ id }) => id === thread)?.process] ?? { id: -1, paused: [] };
  totalsOf = (thread) => this.sums.of(thread);
  functionOf = (id) => functionIn(this.functions, id);
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
    this.pointing.again();
    this.drawing.schedule();
  }

  /** Look at a range that no gesture of the picture's own chose. */
  setRange(range, kind = this.views.kind) {
    this.look(range, kind);
    this.ended();
  }

  ended() {
    this.gestures.sync();
    this.ways.show();
    this.remember();
  }

  get zooms() {
    return this.ways.here;
  }

  /** Undo one thing: a measure, else a zoom, else the selection, else the way to a part of it all, else the selected time. */
  back() {
    if (this.tools.close()) return;
    this.card.hide();
    if (this.measured) this.measured = null;
    else if (this.ways.undo()) return;
    else if (this.selection.any) this.selection.clear();
    else if (this.views.part) this.ways.whole();
    else if (this.state.range) this.chooseRange(null);
    this.drawing.schedule();
  }

  // --- the selected time ------------------------------------------------------------

  /** Drag over the ruler: in the order of time that selects a time, of merged time it shows what to zoom to. */
  dragTo(range) {
    if (this.views.kind === "time") this.markRange(range);
    else this.dragged = range;
    this.drawing.schedule();
  }

  dragEnded() {
    if (this.views.kind === "time") return this.rangeChosen();
    this.ways.to(this.dragged, "part");
    this.dragged = null;
  }

  markRange(range) {
    // Whole nanoseconds, as the URL has it: a link is to show the same.
    this.state.range = range && clampRange(range, this.data.domain, 1).map(Math.round);
    this.drawing.schedule();
  }

  chooseRange(range) {
    this.markRange(range);
    this.rangeChosen();
  }

  rangeChosen() {
    this.ways.show();
    this.views.forget();
    this.sums.load();
    this.views.show(this.state.view);
    this.remember();
  }

  /** The totals of the selected time are there. */
  totalsCame() {
    this.looks.countMatches();
    this.looks.repaint();
    if (this.state.view === "lines") this.views.show("lines");
    else if (this.state.view === "sandwich" && this.state.of === null) this.views.show("sandwich");
    else if (this.state.view === "time") this.views.showBlocks("time");
    this.selection.showDetails();
  }

  get totals() {
    return this.sums.all;
  }

  get totalsAsked() {
    return this.sums.asked;
  }

  /** Where the sums of all threads are from: exact, sampled, or both. */
  get source() {
    const found = new Set(this.called.map(({ id }) => this.sourceOf(id)));
    return found.size > 1 ? "both" : ([...found][0] ?? "exact");
  }

  sourceOf = (id) => {
    const sources = this.threads.find((thread) => thread.id === id)?.sources ?? [];
    const sampled = this.state.sampled.has(id) && sources.find(({ source }) => source === "sampled");
    return (sampled || sources[0])?.source;
  };

  get thread() {
    return this.threads.find(({ id }) => id === this.state.thread) ?? this.threads[0] ?? null;
  }

  /** The process whose events stand above the calls; -1 in a run without any. */
  get process() {
    return this.thread?.process ?? (this.info.processes.length > 0 ? 0 : -1);
  }

  // --- acts -------------------------------------------------------------------------

  /** Step to the next match of the filter, or the next call of the same function. */
  step(forward) {
    this.selection.stepping.queue(() => this.selection.stepping.match(forward));
  }

  setView(view) {
    this.state.view = view;
    this.measured = null;
    this.views.open(view);
    this.selection.run(this.selection.findPath());
    this.tools.show(this.state);
    this.remember();
    if (!this.place.querySelector(".way").contains(document.activeElement)) this.focusView();
  }

  /** Let the keys go to what is shown. */
  focusView() {
    const shown = this.state.view === "table" ? this.table.element : this.stage.pane;
    shown.focus({ preventScroll: true });
  }

  setColour(colour) {
    this.state.colour = colour;
    this.looks.repaint();
    this.remember();
  }

  setThread(id) {
    this.follow(id);
    this.views.show(this.state.view);
    if (this.state.view === "time") this.stage.revealBlock(`t${id}`);
    this.looks.repaint();
    this.remember();
  }

  /** Make a thread the one that tracks, lines and sandwich are of. */
  follow(id) {
    if (id === this.state.thread || !this.threads.some((thread) => thread.id === id)) return;
    const before = this.process;
    this.state.thread = id;
    if (this.process !== before && this.selection.event) this.selection.clear();
    this.ways.forgetMerged();
    this.tools.show(this.state);
    this.looks.showLegend();
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
    const name = commandOf(event);
    const on = (selector) => event.target instanceof Element && event.target.closest(selector) !== null;
    const held = event.ctrlKey || event.metaKey;
    if (on("input, select, textarea") && (!held || name === "copy")) return;
    if (["Enter", " "].includes(event.key) && on("a, button, summary")) return;
    const copies = name === "copy" && (!this.selection.anchor || !getSelection().isCollapsed);
    if (name === null || copies) return;
    event.preventDefault();
    this.pointing.quiet();
    // Whoever wants to see what a card hides must not undo anything for it; Backspace goes back at once.
    if (event.key === "Escape" && this.card.shown) return this.card.hide();
    commandsOf(this)[name]();
  }

  remember() {
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => this.rememberNow(), URL_MS);
  }

  rememberNow() {
    clearTimeout(this.remembering);
    this.state.at = this.views.isWhole("time") ? null : this.views.ranges.time;
    this.state.inner = this.views.inner;
    const thread = this.state.thread === this.firstThread ? null : this.state.thread;
    history.replaceState(null, "", location.pathname + writeState({ ...this.state, thread }));
  }

  describe() {
    return describePicture(this, { colour: cssOf });
  }

  /** Make room around a call's span for a zoom to it. */
  room = (start, duration) => padRange([start, start + Math.max(duration, 1)], 0.04, this.domain);
}
