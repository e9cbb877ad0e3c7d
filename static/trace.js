// A trace from Python source to machine code: the path in order, inlined calls nested, four levels in one flow.

import { fetchOverview, fetchTrace, traceUrl } from "./api.js";
import { element, fill } from "./element.js";
import * as format from "./format.js";
import { keyMap } from "./keys.js";
import { rowDrawer } from "./trace/cells.js";
import { traceHead } from "./trace/head.js";
import { highlighter } from "./trace/highlight.js";
import { outline } from "./trace/outline.js";
import { callsAround, flatten, inlinedCalls, LEVELS, pathOf, rowOfOp, unfoldedFor } from "./trace/rows.js";
import { findRows, nextHit } from "./trace/search.js";
import { opOfHash, readState, toggled, writeState } from "./trace/state.js";
import { helpDialog, toolbar } from "./trace/toolbar.js";
import { indexVariables } from "./trace/variables.js";
import { virtualList } from "./virtual-list.js";

// The height of .row in trace.css.
const ROW_HEIGHT = 20;

/** Show the trace that the place names. */
export async function mount(place) {
  const { run, trace } = place.dataset;
  const stage = new URLSearchParams(location.search).get("stage");
  const [view, { time }] = await Promise.all([fetchTrace(run, trace, stage), fetchOverview(run)]);
  document.title = `${view.title}, ${view.kind} ${view.id} · tracebin`;
  document.body.classList.add("full-height");
  new TracePage(place, view, run, time.duration_ns).start();
}

/** The page's state and what happens to it; rows, text and marks are made in trace/. */
class TracePage {
  constructor(place, view, run, duration) {
    this.view = view;
    this.run = run;
    this.path = pathOf(view);
    this.inlined = inlinedCalls(this.path);
    this.variables = indexVariables(view);
    this.labels = labelsOf(view);
    this.state = readState(location.search, this.inlined);
    this.openFails = new Set();
    this.rows = [];
    this.cursor = 0;
    // Where the cursor was when the find box was entered: a longer text is looked for from there again.
    this.findFrom = 0;
    this.target = null;
    this.hits = [];
    this.build(place, duration);
  }

  build(place, duration) {
    this.pane = element("div", {
      class: "pane",
      role: "treegrid",
      "aria-label": "The traced path",
      tabindex: 0,
      id: "path",
    });
    this.chain = element("nav", { class: "chain code", "aria-label": "Calls around the first visible row" });
    this.outline = outline({ go: (part) => this.scrollToPart(part) });
    this.tools = toolbar(this.view, this.actions());
    this.help = helpDialog();
    const draw = rowDrawer(this.drawingContext());
    this.list = virtualList(this.pane, {
      rowHeight: ROW_HEIGHT,
      render: (i) => this.finish(draw(this.rows[i]), i),
      seen: (first, last) => this.seen(first, last),
    });
    this.marks = highlighter(this.pane, this.variables, (ops) => this.markOutline(ops));
    const stage = element(
      "div",
      { class: "stage" },
      element("div", { class: "path-frame" }, this.chain, this.pane),
      this.outline.element,
    );
    fill(place, traceHead(this.view, this.run, duration), this.tools.element, stage, this.help);
  }

  start() {
    this.marks.pin(this.state.pinned);
    this.refresh();
    this.pane.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("keydown", keyMap(this.keys()));
    window.addEventListener("hashchange", () => this.followHash());
    this.followHash();
    this.pane.focus({ preventScroll: true });
  }

  actions() {
    return {
      level: (level) => this.change({ levels: toggled(this.state.levels, level, 1) }),
      foldAll: (on) => this.change({ folded: new Set(on ? this.inlined : []) }),
      fails: () => this.change({ fails: !this.state.fails }),
      stage: (stage) => location.assign(`${traceUrl(this.run, this.view.id)}?stage=${stage}`),
      find: (text) => this.find(text),
      enterFind: () => {
        this.findFrom = this.cursor;
      },
      step: (forward) => this.step(forward),
      leaveFind: () => this.pane.focus(),
      help: () => this.help.showModal(),
    };
  }

  keys() {
    const actions = this.actions();
    const levels = Object.fromEntries(LEVELS.map((level, i) => [String(i + 1), () => actions.level(level)]));
    const page = () => Math.max(1, Math.floor(this.pane.clientHeight / ROW_HEIGHT) - 2);
    return {
      ...levels,
      ArrowUp: () => this.moveTo(this.cursor - 1),
      ArrowDown: () => this.moveTo(this.cursor + 1),
      PageUp: () => this.moveTo(this.cursor - page()),
      PageDown: () => this.moveTo(this.cursor + page()),
      Home: () => this.moveTo(0),
      End: () => this.moveTo(this.rows.length - 1),
      ArrowLeft: () => this.foldAround(true),
      ArrowRight: () => this.foldAround(false),
      Enter: () => this.list.row(this.cursor)?.querySelector("[data-go], [data-call], [data-part]")?.click(),
      b: () => this.view.parent_guard && document.querySelector(".parent").click(),
      g: () => this.nextBridge(true),
      G: () => this.nextBridge(false),
      f: () => actions.foldAll(true),
      u: () => actions.foldAll(false),
      a: actions.fails,
      "/": () => this.tools.field.select(),
      "Control+f": () => this.tools.field.select(),
      "Meta+f": () => this.tools.field.select(),
      "?": actions.help,
      Escape: () => this.pin(null),
    };
  }

  drawingContext() {
    return {
      view: this.view,
      run: this.run,
      failShown: (op) => this.state.fails !== this.openFails.has(op),
      labelBefore: (op) => this.labels.findLast((label) => label.op < op) ?? null,
      labelOf: (jump) =>
        jump.target === this.view.id
          ? (this.labels.find(({ descr }) => descr === jump.descr)?.op ?? null)
          : null,
    };
  }

  /** Change the state, keeping what is looked at where it is. */
  change(part) {
    const [first] = this.list.visible();
    const anchor = this.inSight(this.cursor) ? this.cursor : first;
    const kept = this.rows[anchor];
    const offset = anchor * ROW_HEIGHT - this.pane.scrollTop;
    Object.assign(this.state, part);
    this.refresh();
    const now = this.positionNear(kept);
    this.cursor = anchor === this.cursor ? now : this.cursor;
    this.pane.scrollTop = now * ROW_HEIGHT - offset;
    this.list.redraw();
    this.remember();
  }

  refresh() {
    this.rows = flatten(this.view, this.path, this.state);
    this.cursor = Math.min(this.cursor, this.rows.length - 1);
    this.pane.setAttribute("aria-rowcount", this.rows.length);
    this.tools.show(this.state);
    this.list.reset(this.rows.length);
    this.outline.draw(this.rows);
    this.marks.apply();
    if (this.tools.field.value) this.find(this.tools.field.value, false);
  }

  remember() {
    history.replaceState(null, "", location.pathname + writeState(this.state, this.inlined) + location.hash);
  }

  /** Find the row that shows what a row of before showed, or the nearest before it. */
  positionNear(row) {
    if (!row) return 0;
    const wanted = keyOf(row);
    const same = this.rows.findIndex((each) => keyOf(each) === wanted);
    if (same >= 0) return same;
    const byOp = row.op ? rowOfOp(this.rows, row.op.op) : -1;
    return byOp >= 0
      ? byOp
      : Math.max(
          0,
          this.rows.findLastIndex((each) => each.segment <= (row.segment ?? 0)),
        );
  }

  finish(row, i) {
    row.id = `row-${i}`;
    row.dataset.at = i;
    if (this.rows[i].type === "op") row.dataset.op = this.rows[i].op.op;
    row.setAttribute("aria-rowindex", i + 1);
    row.classList.toggle("cursor", i === this.cursor);
    row.classList.toggle(
      "target",
      this.target !== null && this.rows[i].type === "op" && this.rows[i].op.op === this.target,
    );
    row.classList.toggle("hit", this.isHit(i));
    this.marks.applyTo(row);
    return row;
  }

  isHit = (i) => this.hitSet?.has(i) ?? false;

  inSight(i) {
    const [first, last] = this.list.visible();
    return i >= first && i <= last;
  }

  seen(first, last) {
    const many = Math.max(1, this.rows.length);
    this.outline.window(first / many, (last + 1) / many);
    const calls = callsAround(this.path, this.rows[first]);
    fill(this.chain, calls.length > 0 ? calls.map((call) => this.chainLink(call)) : this.view.title);
  }

  chainLink(call) {
    const { title } = this.view.segments[call.first];
    const go = () => this.moveTo(this.rows.findIndex((row) => row.type === "call" && row.call === call));
    return element("button", { class: "plain", type: "button", onclick: go }, title ?? this.view.title);
  }

  moveTo(i) {
    const to = Math.min(this.rows.length - 1, Math.max(0, i));
    this.list.row(this.cursor)?.classList.remove("cursor");
    this.cursor = to;
    this.list.reveal(to, i < 0 ? 0 : 0.4);
    this.list.row(to)?.classList.add("cursor");
    this.pane.setAttribute("aria-activedescendant", `row-${to}`);
  }

  foldAround(fold) {
    const row = this.rows[this.cursor];
    if (row.type === "part") return this.change({ parts: setTo(this.state.parts, row.part, !fold) });
    const call = row.type === "call" && row.folded !== fold ? row.call : this.path.callOf[row.segment];
    if (!call) return;
    if (fold && row.type !== "call")
      this.moveTo(this.rows.findIndex((each) => each.type === "call" && each.call === call));
    else if (row.type === "call") this.change({ folded: setTo(this.state.folded, call.first, fold) });
  }

  nextBridge(forward) {
    const guards = this.rows.flatMap((row, i) => (row.type === "op" && row.op.bridge ? [i] : []));
    const hit = nextHit(guards, this.cursor, forward);
    if (hit !== null) this.moveTo(hit);
  }

  clicked(event) {
    const on = (selector) => event.target.closest(selector);
    const row = on(".row");
    if (row) this.moveTo(Number(row.dataset.at));
    if (on("[data-call]"))
      this.change({ folded: toggled(this.state.folded, Number(on("[data-call]").dataset.call)) });
    else if (on("[data-part]"))
      this.change({ parts: toggled(this.state.parts, on("[data-part]").dataset.part) });
    else if (on("[data-fail]")) this.toggleFail(Number(on("[data-fail]").dataset.fail));
    else if (on("[data-variable]")) this.pin(on("[data-variable]").dataset.variable);
  }

  toggleFail(op) {
    this.openFails = toggled(this.openFails, op);
    this.change({});
  }

  pin(name) {
    this.state.pinned = name === this.state.pinned ? null : name;
    this.marks.pin(this.state.pinned);
    this.remember();
  }

  markOutline(ops) {
    const wanted = new Set(ops);
    const marked = (row) => row.type === "op" && wanted.has(row.op.op);
    const positions = this.rows.flatMap((row, i) => (marked(row) ? [i / this.rows.length] : []));
    this.outline.marks(positions);
  }

  scrollToPart(part) {
    this.pane.scrollTop = part * this.rows.length * ROW_HEIGHT - this.pane.clientHeight / 2;
  }

  followHash() {
    const op = opOfHash(location.hash);
    this.target = this.path.segmentOf.has(op) ? op : null;
    if (this.target === null) return;
    this.state.folded = unfoldedFor(this.path, op, this.state.folded);
    this.state.levels = new Set([...this.state.levels, "resops"]);
    this.refresh();
    this.moveTo(rowOfOp(this.rows, op));
    this.list.reveal(this.cursor, 0.35, true);
  }

  find(text, move = true) {
    this.hits = findRows(this.rows, this.view, text);
    this.hitSet = new Set(this.hits);
    for (const row of this.pane.querySelectorAll(".row"))
      row.classList.toggle("hit", this.isHit(Number(row.dataset.at)));
    const hit = nextHit(this.hits, this.findFrom - 1, true);
    if (move && hit !== null) this.moveTo(hit);
    this.showHits(text);
  }

  step(forward) {
    const hit = nextHit(this.hits, this.cursor, forward);
    if (hit !== null) this.moveTo(hit);
    this.findFrom = this.cursor;
    this.showHits(this.tools.field.value);
  }

  showHits(text) {
    const many = this.hits.length;
    const at = this.hits.indexOf(this.cursor) + 1;
    const folded = this.state.folded.size > 0 ? "; folded calls aren't searched" : "";
    if (text.trim() === "") this.tools.showHits("");
    else if (many === 0) this.tools.showHits(`not in what is shown${folded}`);
    else this.tools.showHits(`${at > 0 ? `${format.count(at)} of ` : ""}${format.count(many)}${folded}`);
  }
}

/** Name a row by what it shows, the same before and after a change of levels. */
function keyOf(row) {
  if (row.type === "op") return `op ${row.op.op}`;
  if (row.type === "code") return `code ${row.code[0]}`;
  if (row.type === "point") return `point ${row.segment} ${row.point.offset}`;
  return `${row.type} ${row.segment ?? row.part ?? ""}`;
}

function setTo(set, member, on) {
  return set.has(member) === on ? set : toggled(set, member);
}

function labelsOf(view) {
  const ops = view.segments.flatMap((segment) => segment.points.flatMap((point) => point.ops));
  return ops.filter((op) => op.name === "label");
}
