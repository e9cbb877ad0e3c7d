// The way into the picture: the whole run, then each thing zoomed to; and the time selected.

import { element, fill } from "../element.js";
import * as format from "../format.js";
import { momentText } from "./ticks.js";

/** Make the line of crumbs; `actions` are whole(), back(i), clearRange(), zoomRange(). */
export function crumbs(actions) {
  const root = element("nav", { class: "crumbs", "aria-label": "Zooms" });
  return {
    element: root,
    /** Show the zooms by name, or without any the part in view, and the selected range; both null where there is none. */
    show(zooms, part, range, span) {
      const links = zooms.map(({ name }, i) => [
        further(),
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
          zooms.length === 0 && part && inView(part),
        ),
        range && chosen(range, actions),
      );
    },
  };
}

const further = () => element("span", { class: "soft", "aria-hidden": "true" }, "›");
const words = ([from, to]) => `${momentText(from, to - from)} to ${momentText(to, to - from)}`;

/** Where a view is that no named zoom led to. */
const inView = (part) => [further(), element("span", { class: "here", title: "in view" }, words(part))];

function chosen(range, actions) {
  const text = `only ${words(range)}, ${format.duration(Math.round(range[1] - range[0]))}`;
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
