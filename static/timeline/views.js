// The five ways to order the calls: which blocks stand in the pane, and which range of what is in view.

import { element } from "../element.js";
import * as format from "../format.js";
import { sourceNote } from "./data.js";
import { clampRange } from "./geometry.js";
import { listedIn } from "./listed.js";
import { pausedNote } from "./pauses.js";
import { countedCalls } from "./words.js";

const NO_CALLS = "No call was recorded, and no sample fell into Python code.";
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
    // Whether there is a time to look at: merged calls have none before there is an answer, nor where nothing was called.
    this.timed = { time: page.info.end_ns > page.info.start_ns, merged: false, sandwich: false };
    // What the URL wants to be looked at of the first merged picture.
    this.first = page.state.inner;
    this.answers = new Map();
    this.loading = false;
    // How far each view is scrolled, and whether the one shown is still to be scrolled there.
    this.scrolls = { [page.state.view]: page.state.y };
    this.unscrolled = true;
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

  get hasTime() {
    return this.timed[this.kind];
  }

  /** Whether all there is of a kind of time is in view; what is less than a nanosecond comes of rounding. */
  isWhole(kind = this.kind) {
    const [[from, to], [first, last]] = [this.ranges[kind], this.domains[kind]];
    return from - first < 1 && last - to < 1;
  }

  /** The range in view where that isn't all there is; else null. */
  get part() {
    return this.hasTime && !this.isWhole() ? this.range : null;
  }

  /** The part in view of merged time; null in the order of time. */
  get inner() {
    return this.kind === "time" ? null : this.part;
  }

  look(range, kind) {
    this.ranges[kind] = clampRange(range, this.domains[kind], kind === "time" ? undefined : 1000);
  }

  /** Forget merged answers and the ways into them: the selected time has changed. */
  forget() {
    this.answers.clear();
    this.page.ways.forgetMerged();
  }

  /** Show a view scrolled to where it was. */
  open(view) {
    this.page.state.y = this.scrolls[view] ?? 0;
    this.unscrolled = true;
    this.show(view);
  }

  /** Note how far the hand has scrolled what is shown. */
  scrolledTo(y) {
    if (this.unscrolled) return;
    this.page.state.y = y;
    this.scrolls[this.page.state.view] = y;
  }

  /** Scroll to where the view was, now that there is something to scroll. */
  scrollBack() {
    if (!this.unscrolled) return;
    this.unscrolled = false;
    const { stage, state, table } = this.page;
    (state.view === "table" ? table.element : stage.pane).scrollTop = state.y;
  }

  /** Show a view; what it needs from the server comes when it comes. */
  show(view) {
    const { page } = this;
    page.chart.className = `chart ${view}`;
    page.table.element.hidden = view !== "table";
    page.pointing.leaveRow();
    page.card.hide();
    this.showBlocks(view);
    this.showTable();
    page.gestures.sync();
    page.ways.show();
    page.drawing.schedule();
  }

  showBlocks(view) {
    const { page } = this;
    page.stage.say(page.called.length === 0 ? NO_CALLS : null);
    if (view === "time") page.stage.show(this.timeBlocks());
    else if (page.called.length === 0 || view === "table") page.stage.show([]);
    else if (view === "lines") this.showLines();
    else if (view === "merged") return this.load(view, () => this.loadMerged());
    else if (view === "sandwich") return this.load(view, () => this.loadSandwich());
    if (view !== "table") this.scrollBack();
  }

  timeBlocks() {
    const { page } = this;
    if (page.called.length === 0) return [];
    const blocks = page.called.map((thread) =>
      this.threadBlock(thread, (source) => page.data.callParts(thread.id, source.source, source.depths)),
    );
    return [...blocks, ...this.silentBlocks()];
  }

  /** A line for those threads of which nothing was recorded, one for each process. */
  silentBlocks() {
    const { page } = this;
    const silent = page.threads.filter(({ sources }) => sources.length === 0);
    const processes = [...new Set(silent.map(({ process }) => process))];
    return processes.map((process) => {
      const threads = silent.filter((thread) => thread.process === process);
      const more = threads.length > 1 ? ` and ${format.counted(threads.length - 1, "more thread")}` : "";
      return {
        key: `s${process}`,
        kind: "silent",
        title: threads[0].title + more,
        note: "no samples or calls recorded",
        thread: threads[0].id,
        depths: 0,
        folded: true,
        fold: null,
        parts: [],
      };
    });
  }

  threadBlock(thread, partsOf) {
    const { page } = this;
    const name = page.sourceOf(thread.id);
    const source = thread.sources.find((each) => each.source === name);
    return {
      key: `t${thread.id}`,
      kind: "thread",
      title: thread.title,
      note: [
        sourceNote(source, thread.interval_ns),
        page.state.range && this.chosenNote(thread, name),
        pausedNote([page.processOf(thread.id)]),
      ]
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

  /** How much of a thread's calls lies in the selected time, once that is known. */
  chosenNote(thread, source) {
    const sums = [...this.page.sums.of(thread.id).values()];
    if (this.page.sums.asked) return null;
    const calls = sums.reduce((sum, each) => sum + each.calls, 0);
    return `${countedCalls(calls, source)} in the selected time`;
  }

  sourceChoice(thread, name) {
    const other = name === "exact" ? "sampled" : "exact";
    const text = other === "exact" ? "show the exact calls" : "show the samples instead";
    return element(
      "button",
      {
        type: "button",
        class: "plain soft",
        "data-key": `source ${thread.id}`,
        onclick: () => this.setSource(thread.id, other),
      },
      text,
    );
  }

  setSource(id, source) {
    const { page } = this;
    if (source === "sampled") page.state.sampled.add(id);
    else page.state.sampled.delete(id);
    page.selection.clear();
    this.forget();
    page.sums.load();
    this.show(page.state.view);
    page.remember();
  }

  /** Unfold a thread's calls, if they are folded. */
  unfold(id) {
    if (this.page.state.folded.has(id)) this.fold(id);
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
    if (blocks.length > 0 || page.sums.asked) return;
    const { title } = page.thread;
    page.stage.say(
      page.looks.matcher.functions
        ? `No function that was called in ${title} matches the filter.`
        : `No call of ${title} in this time was recorded.`,
    );
  }

  lineBlocks() {
    const { page } = this;
    const thread = page.thread;
    const source = page.sourceOf(thread.id);
    const sums = page.sums.of(thread.id);
    const test = page.looks.matcher.functions;
    const ids = [...sums]
      .filter(([id]) => !test || test(page.functionOf(id)))
      .sort((one, other) => other[1].total - one[1].total)
      .map(([id]) => id);
    return page.data.lineParts(thread.id, source, ids).map(([id, part]) => {
      const each = page.functionOf(id);
      const { calls, total, self } = sums.get(id);
      const times = `${format.duration(Math.round(total))}, itself ${format.duration(Math.round(self))}`;
      return {
        key: `f${id}`,
        kind: "line",
        group: "lines",
        title: each.qualname,
        note: [format.place(each.path, each.line), countedCalls(calls, source), times]
          .filter(Boolean)
          .join(" · "),
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

  /** What the answer about a view depends on. */
  keyOf(view) {
    const { state, called, sourceOf } = this.page;
    const sources = called.map(({ id }) => sourceOf(id)).join(",");
    const of = view === "sandwich" ? `${state.thread} ${this.middle()}` : "";
    return [view, state.range?.join("-"), sources, of].join(" ");
  }

  /** Show what is at hand of a view, else ask for it and show it then, if it is still wanted. */
  async load(view, ask) {
    const { page } = this;
    const key = this.keyOf(view);
    this.wanted = key;
    this.loading = !this.answers.has(key);
    if (!this.loading) return this.showAnswer(view, this.answers.get(key));
    this.unscrolled = true;
    page.stage.show([]);
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

  showAnswer(view, { blocks, total, nothing = null }) {
    const { page } = this;
    this.loading = false;
    const shown = blocks();
    page.stage.show(shown);
    this.timed[view] = shown.length > 0;
    if (shown.length > 0) this.takeTotal(view, total);
    else page.stage.say(nothing);
    page.gestures.sync();
    page.ways.show();
    page.drawing.schedule();
  }

  /** Look at merged calls of a total: at all of them, unless a part was in view. */
  takeTotal(view, total) {
    const wasWhole = this.isWhole(view);
    this.domains[view] = [0, Math.max(1, total)];
    const kept = this.first ?? (wasWhole ? this.domains[view] : this.ranges[view]);
    this.first = null;
    this.ranges[view] = clampRange(kept, this.domains[view]);
    this.scrollBack();
  }

  async loadMerged() {
    const { called, data, sourceOf, state } = this.page;
    const trees = await Promise.all(called.map(({ id }) => data.merged(id, sourceOf(id), state.range)));
    const total = Math.max(1, ...trees.map((tree) => tree.total));
    const blocks = () =>
      called.map((thread, i) => {
        const { depths, store } = trees[i];
        const block = this.threadBlock(thread, () => [{ first: 0, depths, store, offset: 0 }]);
        return { ...block, depths, kind: "merged" };
      });
    return { blocks, total };
  }

  /** The function in the sandwich: the one asked for, else the selected, else the one that takes most time. */
  middle() {
    const { page } = this;
    const sums = [...page.sums.of(page.thread.id)];
    const first = sums.sort((one, other) => other[1].self - one[1].self)[0]?.[0];
    return page.state.of ?? page.selection.anchor?.id ?? first ?? null;
  }

  async loadSandwich() {
    const { page } = this;
    const of = this.middle();
    const thread = page.thread;
    const source = page.sourceOf(thread.id);
    const none = (nothing) => ({ blocks: () => [], total: 1, nothing });
    if (!source) return none(`No samples or calls of ${thread.title} were recorded.`);
    if (of === null) return none(page.sums.asked ? null : "No function was called in this time.");
    if (of >= 0 && !page.functions[of]) return none(`The run has no function ${of}.`);
    page.state.of = of;
    page.remember();
    const answer = await page.data.sandwich(thread.id, source, of, page.state.range);
    const each = page.functionOf(of);
    if (answer.calls === 0 && answer.total_ns === 0)
      return none(
        `${each.qualname} isn't called in ${thread.title}${page.state.range ? " in the selected time" : ""}.`,
      );
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
    const sums = sandwichSums(page.totalsOf(thread.id).get(of), answer, source);
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
    const listed = listedIn(page);
    page.table.draw({ ...listed, source: page.source });
    if (listed.rows.length > 0) this.scrollBack();
  }
}

/** What is known of the function in the middle; a call in another of its own counts in that one's time. */
function sandwichSums(sum, { calls, total_ns, self_ns }, source) {
  const all = sum ?? { calls, self: self_ns };
  const outermost = all.calls > calls ? ` (${format.count(calls)} of them not in another of its own)` : "";
  const times = `${format.duration(total_ns)}, itself ${format.duration(all.self)}`;
  return `${countedCalls(all.calls, source)}${outermost}, ${times}`;
}
