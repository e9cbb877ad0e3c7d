// The way into the picture: the whole run, then each thing zoomed to; and the time selected.

import { element, fill } from "../element.js";
import * as format from "../format.js";
import { momentText } from "./ticks.js";

/** Make the line of crumbs; `actions` are whole(), back(i), clearRange(), zoomRange(). */
export function crumbs(actions) {
  const root = element("nav", { class: "crumbs", "aria-label": "Zooms" });
  return {
    element: root,
    /** Show the zooms by name, and the selected range or null. */
    show(zooms, range, span) {
      const links = zooms.map(({ name }, i) => [
        element("span", { class: "soft", "aria-hidden": "true" }, "›"),
        element(
          "button",
          { type: "button", class: "plain", title: name, "data-key": i, onclick: () => actions.back(i) },
          name,
        ),
      ]);
      fill(
        root,
        element(
          "div",
          { class: "zooms" },
          element(
            "button",
            { type: "button", class: "plain", "data-key": "whole", onclick: actions.whole },
            `Whole run, ${format.duration(span)}`,
          ),
          links,
        ),
        range && chosen(range, actions),
      );
    },
  };
}

function chosen([from, to], actions) {
  const text = `only ${momentText(from, to - from)} to ${momentText(to, to - from)}, ${format.duration(Math.round(to - from))}`;
  return element(
    "span",
    { class: "chosen-time" },
    element(
      "button",
      {
        type: "button",
        class: "plain",
        "data-key": "chosen",
        title: "zoom to it (F)",
        onclick: actions.zoomRange,
      },
      text,
    ),
    element(
      "button",
      {
        type: "button",
        class: "plain",
        "data-key": "all times",
        "aria-label": "All times again",
        onclick: actions.clearRange,
      },
      "×",
    ),
  );
}
