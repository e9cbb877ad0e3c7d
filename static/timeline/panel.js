// Beside the picture: what is known of the selected call or event, and the legend that counts.

import { abortUrl, traceUrl } from "../api.js";
import { element, fill } from "../element.js";
import * as format from "../format.js";
import { KIND_NAMES } from "./events.js";
import { cssOf } from "./palette.js";
import { momentText } from "./ticks.js";
import { callNoun, countedCalls, sinceWords } from "./words.js";

const STATES = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native"];

/** Make the panel: {element, details, legend, key}. */
export function panel() {
  const details = element("section", { class: "details", "aria-label": "Selection", tabindex: -1 });
  const legend = element("section", { class: "legend", "aria-label": "Legend" });
  const key = element("section", { class: "key", "aria-label": "Key to VM state and tracks" });
  return { element: element("aside", { class: "panel" }, details, legend, key), details, legend, key };
}

const fact = (name, ...value) => [element("dt", {}, name), element("dd", {}, ...value)];
const action = (text, onclick, title = null) =>
  element("button", { type: "button", "data-key": text, onclick, title }, text);

/** The facts of a call, or with `call` null of a function alone, with links and ways to go on; `sum` is its function's {calls, total, self}, by `source`. */
export function showCall(place, { call, each, sum, run, span, source }, actions) {
  fill(
    place,
    element("h2", { class: "code", title: each.qualname }, each.qualname),
    element("p", { class: "soft code place", title: each.path }, format.place(each.path, each.line)),
    element(
      "dl",
      { class: "facts" },
      call && callFacts(call, run, span, call.source),
      each.module && fact("module", each.module),
      sum &&
        fact(
          `all its ${callNoun(source)}`,
          `${format.count(sum.calls)}, ${format.duration(Math.round(sum.total))}`,
        ),
      sum && fact("all, itself", format.duration(Math.round(sum.self)), jittedNote(sum)),
      sum && fact("compiled", sinceWords(sum, each.id)),
    ),
    element(
      "div",
      { class: "actions" },
      call && action("Zoom to it", actions.zoom, "key F"),
      action("Callers, callees", actions.sandwich, "key 4"),
      action("Only this function", actions.only, "puts it into the filter box"),
    ),
  );
}

/** The share of a function's self time in compiled code; exact calls don't tell it. */
const jittedNote = ({ self, jitted }) =>
  jitted !== null &&
  self > 0 &&
  element("span", { class: "soft" }, `, ${format.share(jitted / self)} of it jitted`);

function callFacts(call, run, span, source) {
  const share = format.share(span > 0 ? call.duration / span : 0);
  return [
    fact("begins", momentText(call.start, call.duration)),
    fact("takes", format.duration(call.duration), element("span", { class: "soft" }, ` ${share} of the run`)),
    call.self !== undefined && fact("itself", format.duration(call.self)),
    call.children !== undefined && fact("calls", countedCalls(call.children, source)),
    fact("level", String(call.depth)),
    call.state >= 0 && fact("VM state", STATES[call.state]),
    call.trace >= 0 &&
      fact(
        "trace",
        element("a", { href: traceUrl(run, call.trace), "data-key": "trace" }, `trace ${call.trace}`),
      ),
  ];
}

/** The facts of an event; `mark` is the mark it is, where it is one. */
export function showEvent(place, { event, run, mark }) {
  const link =
    event.kind === "abort"
      ? element("a", { href: abortUrl(run, event.id), "data-key": "trace" }, `abort ${event.id}`)
      : ["tracing", "optimising", "backend"].includes(event.kind) &&
        element("a", { href: traceUrl(run, event.id), "data-key": "trace" }, `trace ${event.id}`);
  fill(
    place,
    element("h2", {}, mark ? mark.name : KIND_NAMES[event.kind]),
    mark && element("p", { class: "soft" }, KIND_NAMES[event.kind]),
    element(
      "dl",
      { class: "facts" },
      fact("begins", momentText(event.start, event.duration)),
      event.kind !== "mark" && fact("takes", format.duration(event.duration)),
      event.count > 1 &&
        fact("here", `${format.count(event.count)} of them, ${format.duration(event.busy)} together`),
      link && fact(event.kind === "abort" ? "see" : "of", link),
      mark?.data && fact("data", element("code", {}, mark.data)),
    ),
  );
}

/** What stands there while nothing is selected. */
export function showNothing(place, text) {
  fill(place, element("p", { class: "soft" }, text));
}

/** Name the colours above the calls: groups are {title, note, entries: [{colour, text, note}]}. */
export function showKey(place, groups) {
  const entry = ({ colour, text, note }) => {
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = cssOf(colour);
    return element("li", {}, swatch, text, note && element("span", { class: "soft" }, note));
  };
  const group = ({ title, note, entries }) => [
    element("h3", { class: "key-title" }, title, note && element("span", { class: "soft" }, note)),
    element("ul", {}, entries.map(entry)),
  ];
  fill(place, groups.map(group));
}

/** The legend: entries are {colour: pixel, or pattern: class, text, note, hint, act or null}, marks too. */
export function showLegend(place, { title, entries, more, marks }) {
  const row = ({ colour, pattern, text, note, hint, act }) => {
    const swatch = element("span", { class: pattern ? `swatch ${pattern}` : "swatch" });
    if (!pattern) swatch.style.background = cssOf(colour);
    const name = act
      ? element(
          "button",
          { type: "button", class: "plain", "data-key": `${text} ${hint}`, onclick: act, title: hint },
          text,
        )
      : element("span", { title: hint }, text);
    return element(
      "li",
      {},
      swatch,
      element("span", { class: "name" }, name),
      element("span", { class: "note soft" }, note),
    );
  };
  fill(
    place,
    element("h2", {}, title),
    element("ul", {}, entries.map(row)),
    more && element("p", { class: "soft" }, more),
    marks.length > 0 && element("ul", { class: "marks" }, marks.map(row)),
  );
}
