// All traces of a run: a table to sort, filter and walk through by keyboard.

import { fetchOverview, fetchTraces, traceUrl } from "./api.js";
import { element, fill } from "./element.js";
import * as format from "./format.js";
import { keyMap } from "./keys.js";
import { barCell, known, placeText, traceLink, traceTime } from "./links.js";
import { countBy, firstOrder, hasTerm, isColumn, matcher, sortTraces, toggleTerm } from "./query.js";

// Rows put into the document at a time; more follow when the last comes into sight.
const CHUNK = 200;

// The order that the overview and the terminal have too.
const HOTTEST = "time";

const COLUMNS = [
  { key: "title", head: "Trace" },
  { key: null, head: "Place" },
  { key: "kind", head: "Kind" },
  { key: "time", head: "Time", number: true, title: "time of the samples taken in its machine code" },
  { key: "runs", head: "Runs", number: true, title: "how often it was entered" },
  { key: "ops", head: "Ops", number: true, title: "ops after optimisation" },
  { key: "guards", head: "Guards", number: true },
  { key: "bridges", head: "Bridges", number: true, title: "guards with a bridge" },
  { key: "size", head: "Code", number: true, title: "size of the machine code" },
  { key: "compile", head: "Compiled in", number: true, title: "tracing, optimising and assembling" },
  { key: "start", head: "At", number: true, title: "when tracing began, from the start of the run" },
];

/** Show the table of the run that the place names. */
export async function mount(place) {
  const { run } = place.dataset;
  const [traces, { time }] = await Promise.all([fetchTraces(run), fetchOverview(run)]);
  new TracesPage(place, traces, time.duration_ns).start();
}

class TracesPage {
  constructor(place, traces, duration) {
    this.duration = duration;
    this.run = place.dataset.run;
    this.traces = traces;
    this.rows = [];
    this.cursor = -1;
    this.readUrl();
    this.build(place);
  }

  readUrl() {
    const query = new URLSearchParams(location.search);
    this.text = query.get("q") ?? "";
    this.sort = isColumn(query.get("sort")) ? query.get("sort") : HOTTEST;
    this.order = query.get("order") ?? firstOrder(this.sort);
    this.own = query.get("own") === "1";
  }

  build(place) {
    this.field = element("input", {
      type: "search",
      class: "filter",
      placeholder: "Filter: words, kind:bridge driver:pypyjit file:prog.py function:f  ( / )",
      "aria-label": "Filter the traces",
      value: this.text,
      oninput: () => this.change({ text: this.field.value }),
      onkeydown: (event) => this.keyInField(event),
    });
    this.chips = element("div", { class: "chips", role: "group", "aria-label": "Kinds and drivers" });
    this.many = element("span", { class: "soft many", "aria-live": "polite" });
    this.head = element("thead", {});
    this.body = element("tbody", {});
    this.end = element("div", { class: "table-end" });
    const table = element("table", { class: "traces" }, this.head, this.body);
    fill(
      place,
      element("div", { class: "list-head" }, element("h1", {}, "Traces"), this.many, this.field),
      this.chips,
      element("div", { class: "table-frame" }, table),
      this.end,
    );
  }

  start() {
    document.addEventListener("keydown", keyMap(this.keys()));
    this.body.addEventListener("focusin", (event) => this.focused(event));
    new IntersectionObserver(([seen]) => seen.isIntersecting && this.addRows()).observe(this.end);
    this.show();
  }

  keys() {
    return {
      "/": () => this.field.select(),
      ArrowDown: () => this.moveTo(this.cursor + 1),
      ArrowUp: () => this.moveTo(this.cursor - 1),
      Home: () => this.moveTo(0),
      End: () => this.moveTo(this.shown.length - 1),
      Enter: () => this.rows[this.cursor]?.querySelector("a").click(),
    };
  }

  keyInField(event) {
    if (event.key === "Escape") this.change({ text: "" });
    else if (event.key === "ArrowDown" || event.key === "Enter") this.moveTo(0);
    else return;
    event.preventDefault();
  }

  change(part) {
    Object.assign(this, part);
    if (this.field.value !== this.text) this.field.value = this.text;
    history.replaceState(null, "", this.url());
    this.show();
  }

  url() {
    const query = new URLSearchParams();
    if (this.text.trim() !== "") query.set("q", this.text);
    if (this.sort !== HOTTEST || this.order !== "desc") query.set("sort", this.sort);
    if (this.order !== firstOrder(this.sort)) query.set("order", this.order);
    if (this.own) query.set("own", "1");
    return query.size > 0 ? `?${query}` : location.pathname;
  }

  show() {
    const candidates = this.traces.filter((trace) => this.own || !trace.own);
    this.shown = sortTraces(candidates.filter(matcher(this.text)), this.sort, this.order);
    this.most = Math.max(1, ...this.shown.map((trace) => trace.time_ns));
    this.rows = [];
    this.cursor = -1;
    fill(this.head, this.headRow());
    fill(this.chips, this.kindChips(candidates), this.ownChip());
    this.many.textContent = this.howMany(candidates.length);
    this.body.replaceChildren();
    this.addRows();
  }

  howMany(all) {
    const shown = this.shown.length;
    return shown === all ? format.count(all) : `${format.count(shown)} of ${format.count(all)}`;
  }

  addRows() {
    const fresh = this.shown
      .slice(this.rows.length, this.rows.length + CHUNK)
      .map((trace) => this.row(trace));
    this.rows.push(...fresh);
    this.body.append(...fresh);
    if (this.shown.length === 0) fill(this.end, element("p", { class: "soft" }, this.emptyText()));
    else fill(this.end);
  }

  emptyText() {
    if (this.traces.length === 0) return "Nothing was compiled in this run.";
    return this.text.trim() === "" ? "All traces are the recorder's own." : "No trace fits the filter.";
  }

  headRow() {
    return element(
      "tr",
      {},
      COLUMNS.map((column) => this.headCell(column)),
    );
  }

  headCell({ key, head, number, title }) {
    if (key === null) return element("th", { scope: "col" }, head);
    const active = key === this.sort;
    const direction = this.order === "asc" ? "ascending" : "descending";
    const mark = element(
      "span",
      { class: "order", "aria-hidden": "true" },
      active ? (this.order === "asc" ? "▲" : "▼") : "",
    );
    const button = element(
      "button",
      { class: "plain sorts", type: "button", title, onclick: () => this.sortBy(key) },
      element("span", {}, head, mark),
    );
    return element(
      "th",
      { scope: "col", class: number && "number", "aria-sort": active && direction },
      button,
    );
  }

  sortBy(key) {
    const turned = this.order === "asc" ? "desc" : "asc";
    this.change({ sort: key, order: key === this.sort ? turned : firstOrder(key) });
    this.head.querySelector("[aria-sort] button").focus();
  }

  kindChips(candidates) {
    return ["kind", "driver"].map((field) =>
      element("span", { class: "chip-group" }, this.chipsOf(field, candidates)),
    );
  }

  /** A chip for every value there is, with how many of it the rest of the filter lets pass. */
  chipsOf(field, candidates) {
    const passing = new Map(countBy(candidates.filter(matcher(this.text, field)), field));
    return countBy(candidates, field).map(([value]) => this.chip(field, value, passing.get(value) ?? 0));
  }

  chip(field, value, many) {
    const toggle = () => {
      this.change({ text: toggleTerm(this.text, field, value) });
      this.chips.querySelector(`[data-chip="${CSS.escape(`${field}:${value}`)}"]`)?.focus();
    };
    return element(
      "button",
      {
        class: "chip",
        type: "button",
        "data-chip": `${field}:${value}`,
        "aria-pressed": String(hasTerm(this.text, field, value)),
        onclick: toggle,
      },
      value,
      element("span", { class: "many" }, format.count(many)),
    );
  }

  ownChip() {
    const many = this.traces.filter((trace) => trace.own).length;
    if (many === 0) return null;
    const toggle = () => this.change({ own: !this.own });
    return element(
      "button",
      {
        class: "chip own",
        type: "button",
        "aria-pressed": String(this.own),
        onclick: toggle,
        title: "traces of the recorder's own code, made by recording",
      },
      "recorder's own",
      element("span", { class: "many" }, format.count(many)),
    );
  }

  row(trace) {
    const number = (text) => element("td", { class: "number" }, text);
    const row = element(
      "tr",
      { "data-trace": trace.id },
      element("td", { class: "wide code" }, traceLink(this.run, trace), this.notes(trace)),
      element("td", { class: "brief" }, placeText(trace.path, trace.line)),
      element("td", { class: "brief" }, this.kind(trace)),
      this.timeCell(trace),
      number(known(trace.runs, format.count)),
      number(format.count(trace.ops)),
      number(format.count(trace.guards)),
      number(trace.bridges > 0 ? format.count(trace.bridges) : "–"),
      number(known(trace.size_bytes, format.bytes)),
      number(format.duration(trace.compile_ns)),
      number(format.duration(trace.start_ns)),
    );
    return row;
  }

  timeCell(trace) {
    const cell = barCell(traceTime(trace), trace.time_ns / this.most);
    const part = format.share(trace.time_ns / Math.max(1, this.duration));
    cell.title =
      trace.samples > 0
        ? `${part} of the run, ${format.counted(trace.samples, "sample")}`
        : "no sample fell into it";
    return cell;
  }

  notes(trace) {
    const notes = [trace.own && "recorder's own", trace.freed_ns !== null && "freed"];
    return notes.filter(Boolean).map((note) => element("span", { class: "note" }, note));
  }

  kind({ kind, driver, parent, id }) {
    const name = `${kind} ${id}`;
    if (!parent) return [name, driver !== "pypyjit" && element("span", { class: "soft" }, ` ${driver}`)];
    return [
      `${name} `,
      element(
        "a",
        { class: "soft", href: traceUrl(this.run, parent.trace, parent.op), title: "the guard it starts at" },
        `← ${parent.trace}#${parent.op}`,
      ),
    ];
  }

  moveTo(i) {
    const to = Math.min(this.shown.length - 1, Math.max(0, i));
    while (this.rows.length <= to) this.addRows();
    this.rows[to]?.querySelector("a").focus();
  }

  focused(event) {
    this.rows[this.cursor]?.classList.remove("cursor");
    this.cursor = this.rows.indexOf(event.target.closest("tr"));
    this.rows[this.cursor]?.classList.add("cursor");
  }
}
