// The table: the same functions as rows, for those who read rather than look.

import { element, fill } from "../element.js";
import * as format from "../format.js";
import { barCell } from "../links.js";
import { callNoun, sinceWords } from "./words.js";

const COLUMNS = [
  ["name", "Function"],
  ["total", "Total"],
  ["self", "Self"],
  ["calls", "Calls"],
  ["largest", "Largest"],
];
const FACTS = [
  ["Interpreted", "of its self time, by samples"],
  ["Jitted", "of its self time, by samples"],
  ["Compiled", "since when compiled code goes through it, inlined or not"],
];
const EXACT = "Exact calls come without samples: how much of them ran in compiled code isn't known.";
const SHOWN = 500;

const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** Sort the functions of totals; names go up, numbers down, unless told. */
export function sortRows(rows, sort, order) {
  const sign = order === "asc" ? 1 : -1;
  const value = (row) => (sort === "name" ? row.each.qualname : row.sum[sort]);
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    return a === b ? one.each.id - other.each.id : (a < b ? -1 : 1) * sign;
  });
}

/** Make the table; `actions` are sort(column), choose(row) and scrolled(y). */
export function table(actions) {
  const root = element("div", { class: "table-pane table-frame", hidden: true, tabindex: -1 });
  root.addEventListener("scroll", () => actions.scrolled(root.scrollTop), { passive: true });
  let shown = [];
  return {
    element: root,
    /** The function that stands `by` rows from another; the first or last where none does, null in an empty table. */
    beside(id, by) {
      const at = shown.indexOf(id);
      if (at < 0) return shown.at(by > 0 ? 0 : -1) ?? null;
      return shown[Math.min(Math.max(at + by, 0), shown.length - 1)];
    },
    /** Scroll a function's row into sight; the focus goes with it, where it is on another's. */
    reveal(id) {
      const row = root.querySelector(`tr[data-function="${id}"]`);
      row?.scrollIntoView({ block: "nearest" });
      if (document.activeElement.closest("tr[data-function]"))
        row?.querySelector("button").focus({ preventScroll: true });
    },
    /** Show rows {each, sum, lit, colour}, by `source`, or why there are none; `selected` is a function's id or null. */
    draw({ rows, sort, order, selected, nothing, source }) {
      const sorted = sortRows(rows, sort, order);
      shown = sorted.slice(0, SHOWN).map(({ each }) => each.id);
      const most = Object.fromEntries(
        ["total", "self"].map((key) => [key, Math.max(1, ...rows.map(({ sum }) => sum[key]))]),
      );
      fill(
        root,
        element(
          "table",
          { "aria-label": "Functions" },
          element(
            "thead",
            {},
            element(
              "tr",
              {},
              COLUMNS.map(([key, title]) => {
                const named = key === "calls" ? capital(callNoun(source)) : title;
                return head([key, named], sort, order, actions);
              }),
              FACTS.map(([title, why]) =>
                element("th", { class: "number", scope: "col", title: why }, title),
              ),
            ),
          ),
          element(
            "tbody",
            {},
            sorted.slice(0, SHOWN).map((row) => line(row, most, row.each.id === selected, actions)),
          ),
        ),
        rows.length === 0 && nothing !== null && element("p", { class: "empty" }, nothing),
        sorted.length > SHOWN &&
          element(
            "p",
            { class: "soft" },
            `and ${format.count(sorted.length - SHOWN)} more; filter to see them`,
          ),
      );
    },
  };
}

function head([column, title], sort, order, actions) {
  const sorted = column === sort ? (order === "asc" ? "ascending" : "descending") : null;
  const mark = sorted ? (order === "asc" ? " ↑" : " ↓") : "";
  return element(
    "th",
    { class: column === "name" ? null : "number", "aria-sort": sorted, scope: "col" },
    element(
      "button",
      { type: "button", class: "plain", "data-key": column, onclick: () => actions.sort(column) },
      title,
      mark,
    ),
  );
}

function line({ each, sum, lit, colour }, most, selected, actions) {
  const swatch = element("span", { class: "swatch" });
  swatch.style.background = colour;
  const choose = () => actions.choose(each.id);
  return element(
    "tr",
    { class: lit ? null : "gray", "aria-selected": String(selected), "data-function": each.id },
    element(
      "td",
      { class: "wide code", title: `${each.qualname}\n${each.path ?? ""}:${each.line}` },
      element(
        "div",
        { class: "function" },
        swatch,
        element(
          "button",
          { type: "button", class: "plain", "data-key": each.id, onclick: choose },
          each.qualname,
        ),
        element("span", { class: "place soft" }, format.place(each.path, each.line)),
      ),
    ),
    barCell(format.duration(Math.round(sum.total)), sum.total / most.total),
    barCell(format.duration(Math.round(sum.self)), sum.self / most.self),
    element("td", { class: "number" }, format.count(sum.calls)),
    element("td", { class: "number" }, sum.largest < 0 ? "–" : format.duration(sum.largest)),
    partCell(sum.interpreted, sum.self),
    partCell(sum.jitted, sum.self),
    element("td", { class: sum.compiled >= 0 ? "number" : "number soft" }, sinceWords(sum, each.id)),
  );
}

function partCell(part, self) {
  if (part === null) return element("td", { class: "number unknown", title: EXACT }, format.NOT_KNOWN);
  return element("td", { class: "number" }, self > 0 ? format.share(part / self) : "–");
}
