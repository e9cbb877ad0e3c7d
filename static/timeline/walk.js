// The selected call and those around it as a small tree off screen, for whoever reads the picture aloud.

import { element, fill } from "../element.js";

/** Make the tree; the pane's active descendant is its selected item. */
export function walk() {
  const tree = element("div", {
    class: "visually-hidden",
    role: "tree",
    id: "walk",
    "aria-label": "The selected call",
  });
  let pane = null;

  const item = (text, level, selected) =>
    element(
      "div",
      {
        role: "treeitem",
        "aria-level": level,
        "aria-selected": String(selected),
        id: selected ? "walk-here" : null,
      },
      text,
    );

  return {
    /** Put the tree into the pane, whose keys walk it. */
    attach(place) {
      pane = place;
      pane.append(tree);
      pane.setAttribute("aria-owns", "walk");
    },
    /** Show a call by its text, with what stands around it: {parent, previous, next, first_child, children}. */
    show(text, level, around) {
      const before = level > 0 && around?.parent !== null && item("arrow up: the caller", level, false);
      const below =
        around?.children > 0 && item(`arrow down: the first of ${around.children} calls`, level + 2, false);
      fill(tree, before, item(text, level + 1, true), below);
      pane.setAttribute("aria-activedescendant", "walk-here");
    },
    clear() {
      fill(tree);
      pane.removeAttribute("aria-activedescendant");
    },
  };
}
