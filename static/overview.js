// A run on one page: what was run, how it ended, where the time went.

import { bundleUrl, fetchOverview, pageUrl } from "./api.js";
import { deletion } from "./deletion.js";
import { element, fill } from "./element.js";
import * as format from "./format.js";
import { barCell, known, placeText, traceLink, traceTime } from "./links.js";
import { callsMode } from "./mode.js";
import { outputSection } from "./output.js";
import { reasonMeaning, reasonTitle } from "./reasons.js";
import { timeFigure } from "./time-bar.js";

/** Show the overview of the run that the place names. */
export async function mount(place) {
  const view = await fetchOverview(place.dataset.run);
  document.title = `${format.commandLine(view.run.command)} · tracebin`;
  fill(
    place,
    heading(view),
    timeSection(view),
    problemsSection(view.problems),
    element("div", { class: "pair" }, functionsSection(view), tracesSection(view)),
    abortsSection(view),
    outputSection(view.run.output),
    settingsSection(view),
    processesSection(view),
  );
}

const section = (title, note, ...children) =>
  element("section", {}, element("h2", {}, title, note && element("small", {}, " ", note)), ...children);

function heading(view) {
  const { run } = view;
  const status = run.exit?.signal !== null || run.exit?.status !== 0 ? "bad" : "soft";
  return element(
    "header",
    { class: "run-head" },
    element("h1", { class: "code command" }, format.commandLine(run.command)),
    element(
      "p",
      { class: "soft facts-line" },
      element("span", { class: status }, `exit: ${format.exit(run.exit)}`),
      element("span", {}, format.duration(run.duration_ns)),
      element("span", {}, `PyPy ${run.pypy.version}, Python ${run.pypy.python}`),
      element("span", { class: "mode" }, callsMode(run.options.recorder)),
      element("span", {}, format.moment(run.started)),
    ),
    element(
      "div",
      { class: "actions" },
      element(
        "a",
        { class: "button", href: bundleUrl(view.id), download: true },
        `Download the bundle, ${format.bytes(view.bundle_bytes)}`,
      ),
      deletion(view.id),
    ),
  );
}

function timeSection({ id, time, gc, compile_ns: compile, counts }) {
  const note = time.sampled > 0 ? `by ${format.counted(time.sampled, "sample")}` : "no samples were taken";
  const figures = [
    [format.count(counts.loop), counts.loop === 1 ? "loop" : "loops"],
    [format.count(counts["entry bridge"]), counts["entry bridge"] === 1 ? "entry bridge" : "entry bridges"],
    [format.count(counts.bridge), counts.bridge === 1 ? "bridge" : "bridges"],
    [format.count(counts.aborts), counts.aborts === 1 ? "abort" : "aborts"],
    counts.segmented > 0 && [format.count(counts.segmented), "cut into segments"],
    [format.duration(compile), "compiling"],
    [format.count(counts.gc_minor), `minor collections, ${format.duration(gc?.minor_ns)}`],
    [format.count(counts.gc_major), `major collections, ${format.duration(gc?.major_ns)}`],
    [format.duration(gc?.longest_ns), "longest pause"],
  ];
  return section(
    "Where the time went",
    `${format.duration(time.duration_ns)}, ${note}`,
    timeFigure(time),
    element("p", {}, element("a", { href: pageUrl("runs", id, "timeline") }, "See it over time")),
    element(
      "ul",
      { class: "figures" },
      figures.filter(Boolean).map(([value, name]) => element("li", {}, element("b", {}, value), ` ${name}`)),
    ),
  );
}

function howMuch({ kind, count }) {
  if (kind === "dropped") return ` (${format.bytes(count)})`;
  return count > 1 ? ` (${format.count(count)} times)` : "";
}

function problemsSection(problems) {
  if (problems.length === 0) return null;
  const row = (problem) =>
    element(
      "li",
      {},
      problem.text,
      element("span", { class: "soft" }, howMuch(problem)),
      problem.where && element("span", { class: "soft code" }, ` ${problem.where}`),
    );
  return section(
    "What is missing",
    "lost, cut short or not understood",
    element("ul", { class: "problems" }, problems.map(row)),
  );
}

const table = (heads, rows) =>
  element(
    "div",
    { class: "table-frame" },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map(([head, kind]) => element("th", { class: kind }, head)),
        ),
      ),
      element("tbody", {}, rows),
    ),
  );

function functionsSection({ functions }) {
  const most = Math.max(1, ...functions.map((each) => each.self_ns));
  // Exact calls have no VM state, and samples don't count calls.
  const [head, cell] = functions.some((each) => each.calls > 0)
    ? ["Calls", (each) => format.count(each.calls)]
    : ["Jitted", jittedPart];
  const row = (each) =>
    element(
      "tr",
      {},
      element(
        "td",
        { class: "wide code", title: `${each.qualname}\n${format.longPlace(each.path, each.line)}` },
        each.qualname,
      ),
      element("td", { class: "brief" }, placeText(each.path, each.line)),
      barCell(format.duration(each.self_ns), each.self_ns / most),
      element("td", { class: "number" }, cell(each)),
      element("td", { class: "number" }, format.duration(each.total_ns)),
    );
  const heads = [["Function"], ["Place"], ["Self", "number"], [head, "number"], ["Total", "number"]];
  return section(
    "Hottest functions",
    null,
    functions.length
      ? table(heads, functions.map(row))
      : nothing("No sample fell into a Python function, and no call was recorded."),
  );
}

const jittedPart = ({ jitted_ns: jitted, self_ns: self }) => (self > 0 ? format.share(jitted / self) : "–");
const nothing = (text) => element("p", { class: "soft" }, text);

function tracesSection(view) {
  const all = element("a", { href: pageUrl("runs", view.id, "traces") }, "All traces");
  const most = Math.max(1, ...view.traces.map((each) => each.time_ns));
  const row = (each) =>
    element(
      "tr",
      {},
      element("td", { class: "wide code" }, traceLink(view.id, each)),
      element("td", { class: "brief" }, placeText(each.path, each.line)),
      element("td", {}, each.kind),
      barCell(traceTime(each), each.time_ns / most),
      element("td", { class: "number" }, known(each.runs, format.count)),
    );
  const heads = [["Trace"], ["Place"], ["Kind"], ["Time", "number"], ["Runs", "number"]];
  return section(
    "Hottest traces",
    all,
    view.traces.length ? table(heads, view.traces.map(row)) : nothing("Nothing was compiled."),
  );
}

function abortsSection(view) {
  const reasons = Object.entries(view.aborts);
  const { segmented } = view.counts;
  if (reasons.length === 0 && segmented === 0) return null;
  const row = ([reason, many]) =>
    element(
      "li",
      { title: reasonMeaning(reason) },
      element("b", {}, format.count(many)),
      ` ${reasonTitle(reason)} `,
      element("code", { class: "soft" }, reason),
    );
  return section(
    "Aborts",
    element("a", { href: pageUrl("runs", view.id, "aborts") }, "All aborts"),
    element("ul", { class: "figures" }, reasons.map(row)),
    segmented > 0 &&
      nothing(
        `${format.counted(segmented, "tracing")} cut into ${segmented === 1 ? "a segment" : "segments"}: what was traced until then became a trace.`,
      ),
  );
}

function settingsSection({ run }) {
  const host = { ...run.host };
  const groups = [
    [
      "Command",
      {
        "as typed": format.commandLine(run.command),
        target: run.target,
        folder: run.cwd,
        recorder: run.recorder,
      },
    ],
    ["JIT", run.options.jit],
    ["GC", run.options.gc],
    ["Recorder", run.options.recorder],
    [`Build of PyPy ${run.pypy.version}`, { executable: run.pypy.executable, ...run.pypy.build }],
    ["Machine", host],
  ];
  return section("Settings", null, element("div", { class: "groups" }, groups.map(settingsGroup)));
}

function settingsGroup([title, values]) {
  const entries = Object.entries(values);
  return element(
    "details",
    {},
    element("summary", {}, title, element("span", { class: "soft" }, ` ${format.count(entries.length)}`)),
    element("dl", { class: "facts" }, entries.map(settingsEntry)),
  );
}

const settingsEntry = ([name, value]) => [
  element("dt", { class: "code" }, name),
  element(
    "dd",
    { class: "code" },
    value === null ? element("span", { class: "unknown" }, "not set") : String(value),
  ),
];

function processesSection({ processes, threads }) {
  const row = (process, i) => {
    const own = threads.filter((thread) => thread.process === i);
    return element(
      "tr",
      {},
      element("td", { class: "number" }, process.pid),
      element("td", { class: "wide code" }, format.commandLine(process.command)),
      element(
        "td",
        {},
        known(process.end_ns, (end) => format.duration(end - process.start_ns)),
      ),
      element("td", {}, format.exit(process.exit)),
      element("td", {}, own.map((thread) => thread.name ?? thread.native_id).join(", ")),
      element(
        "td",
        { class: "number" },
        known(process.code_memory, (memory) => format.bytes(memory.used_bytes)),
      ),
    );
  };
  const heads = [
    ["PID", "number"],
    ["Command"],
    ["Ran for"],
    ["Exit"],
    ["Threads"],
    ["Machine code", "number"],
  ];
  return section("Processes", null, table(heads, processes.map(row)));
}
