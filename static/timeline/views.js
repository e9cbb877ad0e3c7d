// The five ways to order the calls: which blocks stand in the pane, and which range of what is in view.

import { element } from "../element.js";
import * as format from "../format.js";
import { sourceNote } from "./data.js";
import { clampRange } from "./geometry.js";
import { cssOf } from "./palette.js";
import { pausedNote } from "./pauses.js";

const KINDS = { time: "time", lines: "time", table: "time", merged: "merged", sandwich: "sandwich" };

/** The views of a page; they share its selection, filter, colours and selected time. */
export class Views {
  constructor(page) {
    this.page = page;
    this.domains = { time: page.data.domain, merged: [0, 1], sandwich: [0, 1] };
    this.ranges = {
      time: clampRange(page.state.at ?? page.data.domain, page.data.domain),
      merged: [0, 1],
      sandwich: [0, 1],
    };
    // What the URL wants to be looked at of the first merged picture.
    this.first = page.state.inner;
    this.answers = new Map();
    this.loading = false;
  }

  get kind() {
    return KINDS[this.page.state.view];
  }

  get range() {
    return this.ranges[this.kind];
  }

  get domain() {
    return this.domains[this.kind];
  }

  /** The range looked at of merged time, where that isn't all of it; null in the order of time. */
  get inner() {
    const [[from, to], [first, last]] = [this.range, this.domain];
    return this.kind === "time" || (from <= first && to >= last) ? null : this.range;
  }

  look(range, kind) {
    this.ranges[kind] = clampRange(range, this.domains[kind], kind === "time" ? undefined : 1000);
  }

  /** Forget merged answers: the selected time has changed. */
  forget() {
    this.answers.clear();
  }

  /** Show a view; what it needs from the server comes when it comes. */
  show(view) {
    const { page } = this;
    page.chart.className = `chart ${view}`;
    page.table.element.hidden = view !== "table";
    page.pointing.row = null;
    page.card.hide();
    this.showBlocks(view);
    this.showTable();
    page.gestures.sync();
    page.showCrumbs();
    page.drawing.schedule();
  }

  showBlocks(view) {
    const { page } = this;
    if (page.threads.length === 0) {
      page.stage.show([]);
      return page.stage.say("No call was recorded, and no sample fell into Python code.");
    }
    page.stage.say(null);
    if (view === "time") page.stage.show(this.timeBlocks());
    else if (view === "lines") this.showLines();
    else if (view === "merged") this.load(view, () => this.loadMerged());
    else if (view === "sandwich") this.load(view, () => this.loadSandwich());
    else page.stage.show([]);
  }

  timeBlocks() {
    const { page } = this;
    return page.threads.map((thread) =>
      this.threadBlock(thread, (source) => page.data.callParts(thread.id, source.source, source.depths)),
    );
  }

  threadBlock(thread, partsOf) {
    const { page } = this;
    const name = page.sourceOf(thread.id);
    const source = thread.sources.find((each) => each.source === name);
    return {
      key: `t${thread.id}`,
      kind: "thread",
      title: thread.title,
      note: [sourceNote(source, thread.interval_ns), pausedNote([page.processOf(thread.id)])]
        .filter(Boolean)
        .join(", "),
      thread: thread.id,
      source: name,
      depths: source.depths,
      folded: page.state.folded.has(thread.id),
      fold: () => this.fold(thread.id),
      parts: partsOf(source),
      extra: thread.sources.length > 1 && this.sourceChoice(thread, name),
    };
  }

  sourceChoice(thread, name) {
    const other = name === "exact" ? "sampled" : "exact";
    const text = other === "exact" ? "show the exact calls" : "show the samples instead";
    return element(
      "button",
      { type: "button", class: "plain soft", onclick: () => this.setSource(thread.id, other) },
      text,
    );
  }

  setSource(id, source) {
    const { page } = this;
    if (source === "sampled") page.state.sampled.add(id);
    else page.state.sampled.delete(id);
    page.selection.clear();
    this.forget();
    page.loadTotals();
    this.show(page.state.view);
    page.remember();
  }

  fold(id) {
    const { folded } = this.page.state;
    if (!folded.delete(id)) folded.add(id);
    this.show(this.page.state.view);
    this.page.remember();
  }

  /** Show a line for each function that the filter leaves. */
  showLines() {
    const { page } = this;
    const blocks = this.lineBlocks();
    page.stage.show(blocks);
    if (blocks.length === 0) page.stage.say("No function that was called here matches the filter.");
  }

  lineBlocks() {
    const { page } = this;
    const thread = page.thread;
    const source = page.sourceOf(thread.id);
    const ids = page.looks
      .matches()
      .sort((one, other) => other[1].total - one[1].total)
      .map(([id]) => id);
    return page.data.lineParts(thread.id, source, ids).map(([id, part]) => {
      const each = page.functions[id];
      const { calls, total, self } = page.totals.get(id);
      return {
        key: `f${id}`,
        kind: "line",
        group: "lines",
        title: each.qualname,
        note: `${format.place(each.path, each.line)} · ${format.counted(calls, "call")} · ${format.duration(Math.round(total))}, itself ${format.duration(Math.round(self))}`,
        thread: thread.id,
        source,
        depths: 1,
        folded: false,
        fold: null,
        of: id,
        parts: [part],
      };
    });
  }

  /** Show what is at hand of a view, else ask for it and show it then, if it is still wanted. */
  async load(view, ask) {
    const { page } = this;
    const key = `${view} ${page.state.thread} ${view === "sandwich" ? this.middle() : ""}`;
    const had = this.answers.get(key);
    if (had) return this.showAnswer(view, had);
    page.stage.show([]);
    this.loading = true;
    this.wanted = key;
    try {
      const answer = await ask();
      this.answers.set(key, answer);
      if (this.wanted === key && page.state.view === view) this.showAnswer(view, answer);
    } catch (fault) {
      page.pointing.refuse(fault);
    } finally {
      if (this.wanted === key) this.loading = false;
      page.drawing.schedule();
    }
  }

  showAnswer(view, { blocks, total }) {
    const { page } = this;
    this.loading = false;
    const before = this.domains[view];
    const wasWhole = this.ranges[view][0] <= before[0] && this.ranges[view][1] >= before[1];
    this.domains[view] = [0, Math.max(1, total)];
    const kept = this.first ?? (wasWhole ? this.domains[view] : this.ranges[view]);
    this.first = null;
    this.ranges[view] = clampRange(kept, this.domains[view]);
    page.stage.show(blocks());
    page.gestures.sync();
    page.drawing.schedule();
  }

  async loadMerged() {
    const { page } = this;
    const { range } = page.state;
    const trees = await Promise.all(
      page.threads.map((thread) => page.data.merged(thread.id, page.sourceOf(thread.id), range)),
    );
    const total = Math.max(1, ...trees.map((tree) => tree.total));
    const blocks = () =>
      page.threads.map((thread, i) => {
        const { depths, store } = trees[i];
        const block = this.threadBlock(thread, () => [{ first: 0, depths, store, offset: 0 }]);
        return { ...block, depths, kind: "merged" };
      });
    return { blocks, total };
  }

  /** The function in the sandwich: the one asked for, else the selected, else the one that takes most time. */
  middle() {
    const { page } = this;
    const first = [...page.totals].sort((one, other) => other[1].self - one[1].self)[0]?.[0];
    return page.state.of ?? page.selection.anchor?.id ?? first ?? null;
  }

  async loadSandwich() {
    const { page } = this;
    const of = this.middle();
    if (of === null || !page.functions[of]) return { blocks: () => [], total: 1 };
    page.state.of = of;
    page.remember();
    const thread = page.thread;
    const source = page.sourceOf(thread.id);
    const answer = await page.data.sandwich(thread.id, source, of, page.state.range);
    const each = page.functions[of];
    const block = (key, title, note, { depths, store }, upward) => ({
      key,
      kind: key,
      title,
      note,
      thread: thread.id,
      source,
      depths,
      folded: false,
      fold: null,
      upward,
      parts: [{ first: 0, depths, store, offset: 0 }],
    });
    const sums = `${format.counted(answer.calls, "call")}, ${format.duration(answer.total_ns)}, itself ${format.duration(answer.self_ns)}`;
    const blocks = () => [
      block(
        "callers",
        `Callers of ${each.qualname}`,
        `who called it, and for how long · ${thread.title}`,
        answer.callers,
        true,
      ),
      block("callees", each.qualname, `${sums} · what it calls is below`, answer.callees, false),
    ];
    return { blocks, total: answer.total_ns };
  }

  showTable() {
    const { page } = this;
    if (page.state.view !== "table") return;
    const { matcher, lit } = page.looks;
    const rows = [...page.totals]
      .filter(([id]) => page.functions[id])
      .filter(([id]) => !matcher.functions || matcher.functions(page.functions[id]))
      .map(([id, sum]) => ({
        each: page.functions[id],
        sum,
        lit: lit === null || lit[id] === 1,
        colour: cssOf(page.looks.colours[id]),
      }));
    page.table.draw({
      rows,
      sort: page.state.sort,
      order: page.state.order,
      selected: page.selection.anchor?.id ?? null,
    });
  }
}
