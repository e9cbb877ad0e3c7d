// Tracings that PyPy calls aborted, by reason: where, how much time was lost, and what came of it.
//
// One that was cut into a segment is none: what was traced until then became a trace (docs/architecture.md).

import { byPlace } from "./abort-places.js";
import { fetchAborts, traceUrl } from "./api.js";
import { element, fill } from "./element.js";
import * as format from "./format.js";
import { placeText } from "./links.js";
import { reasonMeaning, reasonTitle } from "./reasons.js";
import { python } from "./trace/cells.js";

// Of a long path the first steps are put into the document; the rest on demand.
const STEPS = 300;

/** Show the aborts of the run that the place names. */
export async function mount(place) {
  const { run } = place.dataset;
  const { by_reason: reasons, aborts } = await fetchAborts(run);
  if (aborts.length === 0) {
    fill(place, element("h1", {}, "Aborts"), element("p", {}, "No tracing was aborted in this run."));
    return;
  }
  const groups = Object.keys(reasons)
    .map((reason) => ({ reason, aborts: aborts.filter((abort) => abort.reason === reason) }))
    .sort((one, other) => lostTime(other.aborts) - lostTime(one.aborts));
  fill(
    place,
    heading(aborts),
    groups.map((group) => reasonSection(group, run)),
  );
  window.addEventListener("hashchange", () => followHash(place));
  followHash(place);
}

/** Bring the abort that the address names into sight, unfolded and marked. */
function followHash(place) {
  const id = /^#(abort-\d+)$/.exec(location.hash)?.[1];
  if (!id) return;
  for (const before of place.querySelectorAll(".here")) before.classList.remove("here");
  const attempt = document.getElementById(id);
  place.querySelector(".no-such")?.remove();
  if (!attempt) {
    const text = `There is no ${id.replace("-", " ")} in this run.`;
    place.querySelector("header").append(element("p", { class: "no-such", role: "status" }, text));
    return;
  }
  attempt.classList.add("here");
  const folded = attempt instanceof HTMLDetailsElement;
  if (folded) attempt.open = true;
  attempt.scrollIntoView({ block: "center" });
  (folded ? attempt.querySelector("summary") : attempt).focus({ preventScroll: true });
}

const lostOf = (aborts) => aborts.filter((abort) => abort.lost);
const lostTime = (aborts) => lostOf(aborts).reduce((sum, abort) => sum + abort.duration_ns, 0);

function heading(aborts) {
  const lost = lostOf(aborts);
  const sums = [lostSum(lost), segmentedSum(aborts.length - lost.length, lost.length > 0 ? " more" : "")];
  return element("header", {}, element("h1", {}, "Aborts"), element("p", { class: "soft" }, sums.join(" ")));
}

function lostSum(lost) {
  if (lost.length === 0) return "No tracing came to nothing.";
  return `${format.counted(lost.length, "tracing")} came to nothing, ${format.duration(lostTime(lost))} lost.`;
}

function segmentedSum(many, more) {
  if (many === 0) return "";
  const cut = many === 1 ? "was cut into a segment" : "were cut into segments";
  return `${format.counted(many, "tracing")}${more} ${cut}: what was traced until then became a trace.`;
}

/** What several tracings cost together: the time of those that came to nothing. */
const cost = (aborts) =>
  lostOf(aborts).length > 0 ? `${format.duration(lostTime(aborts))} lost` : "nothing lost";

function reasonSection({ reason, aborts }, run) {
  const meaning = reasonMeaning(reason);
  const sums = `  ${format.count(aborts.length)}, ${cost(aborts)}`;
  return element(
    "section",
    { "aria-label": reasonTitle(reason) },
    element("h2", {}, `${reasonTitle(reason)} `, element("small", {}, element("code", {}, reason), sums)),
    meaning && element("p", { class: "soft meaning" }, meaning),
    byPlace(aborts).map((group) => placeEntry(group, run)),
  );
}

function placeEntry(aborts, run) {
  const [abort] = aborts;
  const first = abort.path_steps.find((step) => step.line === abort.line && step.source !== null);
  const repeated = `${format.count(aborts.length)} times, ${cost(aborts)}`;
  return element(
    "article",
    { class: "abort", ...(aborts.length === 1 && named(abort)), tabindex: aborts.length === 1 && -1 },
    element(
      "h3",
      {},
      element("span", { class: "code" }, abort.title),
      placeText(abort.path, abort.line),
      abort.driver !== "pypyjit" && element("span", { class: "soft" }, abort.driver),
      aborts.length > 1 && element("span", { class: "soft" }, repeated),
      verdict(aborts.at(-1), run),
    ),
    first && element("p", { class: "code first" }, python(first.source)),
    aborts.length === 1 ? attempt(abort) : aborts.map((each, i) => foldedAttempt(each, i, run)),
  );
}

const named = ({ id }) => ({ id: `abort-${id}` });

const attempt = (abort) => [element("dl", { class: "facts" }, facts(abort)), pathDetails(abort)];

// Filled when it is opened: one place can have been tried a thousand times.
function foldedAttempt(abort, i, run) {
  const text = `${i + 1}. took ${format.duration(abort.duration_ns)}, at ${format.duration(abort.start_ns)}`;
  const details = element(
    "details",
    { class: "attempt", ...named(abort) },
    element("summary", {}, text, " ", verdict(abort, run)),
  );
  const open = () =>
    details.open && details.childElementCount === 1 && details.append(...attempt(abort).filter(Boolean));
  details.addEventListener("toggle", open);
  return details;
}

// The terminal says the same (terminal/run_text.py).
function verdict({ later, lost }, run) {
  if (later === null) return element("span", { class: "verdict never" }, "never compiled after that");
  const text = lost ? "compiled later as" : "what was traced until then became";
  return element("a", { class: "verdict", href: traceUrl(run, later) }, `${text} trace ${later}`);
}

function facts(abort) {
  return [
    ["Took", `${format.duration(abort.duration_ns)}, at ${format.duration(abort.start_ns)}`],
    ["Length", format.counted(abort.length, "merge point")],
    abort.longest !== null && ["Longest function", element("code", {}, abort.longest)],
    abort.inlining.length > 0 && [
      "PyPy decided",
      element(
        "ul",
        { class: "code" },
        abort.inlining.map((text) => element("li", {}, text)),
      ),
    ],
    abort.text !== null && ["Started at", element("code", {}, abort.text)],
  ]
    .filter(Boolean)
    .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

function pathDetails({ path_steps: steps }) {
  if (steps.length === 0) return null;
  const list = element("div", { class: "steps" });
  const details = element(
    "details",
    {},
    element("summary", {}, `The path, ${format.counted(steps.length, "step")}`),
    list,
  );
  // Filled when it is opened: a path can have thousands of steps, and there can be hundreds of aborts.
  details.addEventListener(
    "toggle",
    () => details.open && list.childElementCount === 0 && showSteps(list, steps, STEPS),
  );
  return details;
}

function showSteps(list, steps, many) {
  const rest = steps.length - many;
  const more = element(
    "button",
    { type: "button", onclick: () => showSteps(list, steps, steps.length) },
    `Show ${format.count(rest)} more`,
  );
  fill(list, stepTable(steps.slice(0, many)), rest > 0 && more);
}

function stepTable(steps) {
  const row = ({ title, path, line, points, source }, i) =>
    element(
      "tr",
      {},
      element("td", { class: "code soft" }, i > 0 && steps[i - 1].title === title ? "" : title),
      element("td", { class: "number soft", title: path }, line ?? ""),
      element(
        "td",
        { class: "wide code" },
        source === null ? element("span", { class: "unknown" }, "source not kept") : python(source),
      ),
      element("td", { class: "number soft" }, format.counted(points, "point")),
    );
  return element("table", {}, element("tbody", {}, steps.map(row)));
}
