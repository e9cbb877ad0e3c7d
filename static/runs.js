// The first page: the runs stored here, and the place where a bundle is dropped.

import { fetchRuns, pageUrl } from "./api.js";
import { element, fill } from "./element.js";
import * as format from "./format.js";
import { uploadPlace } from "./upload.js";

const PAGE = 50;

/** Show the list of runs with the upload above it. */
export async function mount(place) {
  const list = element("section", { "aria-label": "Runs" });
  const upload = uploadPlace({ uploaded: () => showRuns(list, offsetOfUrl()) });
  await showRuns(list, offsetOfUrl());
  fill(place, element("h1", {}, "Runs"), upload, list);
}

const offsetOfUrl = () =>
  Math.max(0, Number.parseInt(new URLSearchParams(location.search).get("from") ?? "0", 10) || 0);

async function showRuns(list, offset) {
  const { total, runs } = await fetchRuns(PAGE, offset);
  if (total === 0) {
    fill(list, element("p", { class: "soft" }, "No run is stored here yet."));
    return;
  }
  fill(list, runTable(runs), pager(offset, total));
}

function runTable(runs) {
  const heads = ["Command", "Exit", "Duration", "Traces", "Aborts", "PyPy", "Recorded", "Bundle"];
  return element(
    "div",
    { class: "table-frame" },
    element(
      "table",
      { class: "runs" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map((head) => element("th", { class: NUMBERS.has(head) && "number" }, head)),
        ),
      ),
      element("tbody", {}, runs.map(runRow)),
    ),
  );
}

const NUMBERS = new Set(["Duration", "Traces", "Aborts", "Bundle"]);

function runRow(run) {
  const number = (text) => element("td", { class: "number" }, text);
  const command = format.commandLine(run.command);
  return element(
    "tr",
    {},
    element(
      "td",
      { class: "wide code", title: command },
      element("a", { href: pageUrl("runs", run.id) }, command),
    ),
    element("td", {}, format.exit(run.exit)),
    number(format.duration(run.duration_ns)),
    number(format.count(run.traces)),
    number(format.count(run.aborts)),
    element("td", { title: `Python ${run.python}` }, run.pypy),
    element("td", {}, format.moment(run.started)),
    number(format.bytes(run.bundle_bytes)),
  );
}

function pager(offset, total) {
  if (total <= PAGE) return null;
  const link = (from, text) => element("a", { class: "button", href: `${pageUrl("")}?from=${from}` }, text);
  return element(
    "nav",
    { class: "pager", "aria-label": "Pages of the list" },
    offset > 0 && link(Math.max(0, offset - PAGE), "Newer"),
    element(
      "span",
      { class: "soft" },
      `${offset + 1} to ${Math.min(total, offset + PAGE)} of ${format.count(total)}`,
    ),
    offset + PAGE < total && link(offset + PAGE, "Older"),
  );
}
