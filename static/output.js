// What the program wrote, beginning and end.

import { element } from "./element.js";
import * as format from "./format.js";

/** Show both streams; a stream nothing was written to is named as empty. */
export function outputSection(output) {
  const streams = ["stdout", "stderr"].filter((name) => output[name]);
  if (streams.length === 0) return null;
  return element(
    "section",
    {},
    element("h2", {}, "Output"),
    element(
      "div",
      { class: "pair" },
      streams.map((name) => stream(name, output[name])),
    ),
  );
}

function stream(name, kept) {
  const size = kept.total_bytes === 0 ? "empty" : format.bytes(kept.total_bytes);
  return element(
    "div",
    {},
    element("h3", {}, element("code", {}, name), element("small", { class: "soft" }, ` ${size}`)),
    kept.total_bytes > 0 && text(kept.head, kept.encoding, name),
    kept.cut_bytes > 0 &&
      element("p", { class: "cut soft" }, `${format.bytes(kept.cut_bytes)} were not kept`),
    kept.tail !== "" && text(kept.tail, kept.encoding, `${name}, its end`),
  );
}

function text(kept, encoding, label) {
  return element(
    "pre",
    { class: "output", tabindex: 0, "aria-label": label },
    encoding === "base64" ? decoded(kept) : kept,
  );
}

// What is kept in base64 isn't UTF-8; shown with a mark in place of each byte that says nothing.
const decoded = (kept) => new TextDecoder().decode(Uint8Array.from(atob(kept), (byte) => byte.charCodeAt(0)));
