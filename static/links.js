// Names and links that several pages show in one way.

import { traceUrl } from "./api.js";
import { element } from "./element.js";
import * as format from "./format.js";

/** A value that may be unknown: a text, set apart where it isn't known. */
export function known(value, write) {
  return value === null || value === undefined
    ? element("span", { class: "unknown" }, format.NOT_KNOWN)
    : write(value);
}

/** Link a trace by what a person calls it. */
export function traceLink(run, trace) {
  return element("a", { href: traceUrl(run, trace.id), title: trace.name }, trace.title);
}

/** A place in a source file, its whole path on hover. */
export function placeText(path, line) {
  return element("span", { class: "code soft", title: path }, format.place(path, line));
}

/** The time in a trace's machine code; no sample in it says little, so that isn't written as 0. */
export const traceTime = ({ samples, time_ns: time }) => (samples > 0 ? format.duration(time) : "–");

/** A table cell with a number and the bar of its part of the whole behind it. */
export function barCell(text, part) {
  const cell = element("td", { class: "number barred" }, text);
  cell.style.setProperty("--part", String(Math.min(1, Math.max(0, part))));
  return cell;
}
