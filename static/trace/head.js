// The head of a trace's page: what it is, what it cost, where it comes from and leads to.

import { pageUrl, traceUrl } from "../api.js";
import { element } from "../element.js";
import * as format from "../format.js";
import { known } from "../links.js";

// How much of the run around a trace's making its place in the time line shows.
const AROUND_NS = 50_000_000;

/** When it was begun, as a link to that place in the time line. */
function begin(view, run) {
  const at = `${Math.max(0, view.start_ns - AROUND_NS)}-${view.start_ns + AROUND_NS}`;
  const href = `${pageUrl("runs", run, "timeline")}?at=${at}&event=tracing.${view.id}`;
  return element("a", { href, title: "show it in the time line" }, format.duration(view.start_ns));
}

/** Make the head of a TraceView; `duration` is the run's, in nanoseconds. */
export function traceHead(view, run, duration) {
  const facts = [
    ["Samples", samples(view, duration)],
    ["Runs", known(view.runs, format.count)],
    ["Ops", `${format.count(view.ops)}, ${format.counted(view.guards, "guard")}`],
    ["Machine code", machineCode(view)],
    ["Compiled in", compile(view)],
    ["Begun at", begin(view, run)],
    view.freed_ns !== null && ["Freed at", format.duration(view.freed_ns)],
  ];
  return element(
    "header",
    { class: "trace-head" },
    element(
      "div",
      { class: "title" },
      element("a", { class: "up", href: pageUrl("runs", run, "traces"), title: "all traces" }, "Traces"),
      element("span", { class: "soft" }, " / "),
      element("h1", { class: "code", title: view.title }, view.title),
      element("span", { class: "kind" }, `${view.kind} ${view.id}`),
      element("span", { class: "soft" }, view.driver),
      element("span", { class: "soft code", title: view.path }, format.place(view.path, view.line)),
      view.own && element("span", { class: "kind" }, "the recorder's own"),
    ),
    element(
      "dl",
      { class: "numbers" },
      facts
        .filter(Boolean)
        .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))),
    ),
    links(view, run),
  );
}

function samples({ samples: many, time_ns: time }, duration) {
  if (many === 0) return "none";
  const part = duration > 0 ? `  ${format.share(time / duration)} of the run` : "";
  return [`${format.count(many)}, ${format.duration(time)}`, element("span", { class: "soft" }, part)];
}

function machineCode({ size_bytes: size, asm }) {
  const text = known(size, format.bytes);
  if (!asm) return text;
  const title = `${asm.backend} at ${format.hex(asm.address)}, ${format.counted(asm.patches, "patch", "patches")} applied`;
  return element("span", { title }, text, element("span", { class: "soft" }, ` ${asm.backend}`));
}

function compile({ compile_ns, phases }) {
  const { tracing_ns: tracing, optimising_ns: optimising, backend_ns: backend } = phases;
  const parts = `tracing ${format.duration(tracing)} · optimising ${format.duration(optimising)} · backend ${format.duration(backend)}`;
  return [format.duration(compile_ns), element("span", { class: "soft" }, `  ${parts}`)];
}

function links(view, run) {
  const bridges = bridgesOf(view);
  return element(
    "div",
    { class: "ties" },
    view.parent_guard && parentLink(view.parent_guard, run),
    bridges.length > 0 && bridgeList(bridges, run),
    element("span", { class: "soft code own-name", title: "PyPy's own name of it" }, view.name),
  );
}

function parentLink(guard, run) {
  return element(
    "span",
    {},
    "from ",
    element(
      "a",
      { href: traceUrl(run, guard.trace, guard.op), class: "parent" },
      `${guard.name} #${guard.op} of trace ${guard.trace}`,
    ),
    element("span", { class: "soft" }, ` ${guard.title}${guard.line === null ? "" : `, line ${guard.line}`}`),
  );
}

function bridgesOf(view) {
  const ops = view.segments.flatMap((segment) => segment.points.flatMap((point) => point.ops));
  return ops
    .filter((op) => op.bridge)
    .sort((one, other) => (other.bridge.runs ?? -1) - (one.bridge.runs ?? -1));
}

function bridgeList(bridges, run) {
  const entry = ({ op, name, bridge }) =>
    element(
      "li",
      {},
      element("a", { href: traceUrl(run, bridge.trace) }, `bridge ${bridge.trace}`),
      " at ",
      element("a", { href: `#op-${op}` }, `${name} #${op}`),
      element(
        "span",
        { class: "soft" },
        bridge.runs === null ? `, runs ${format.NOT_KNOWN}` : `, ${format.count(bridge.runs)} ×`,
      ),
    );
  return element(
    "details",
    { class: "bridges" },
    element("summary", {}, format.counted(bridges.length, "bridge")),
    element("ul", {}, bridges.map(entry)),
  );
}
