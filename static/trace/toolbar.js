// The bar above a trace's path: levels, folding, stages, the find box.

import { element } from "../element.js";
import { KINDS } from "./names.js";
import { LEVELS } from "./rows.js";

const NAMES = { source: "Source", bytecode: "Bytecode", resops: "Resops", code: "Machine code" };
const STAGES = { traced: "as traced", optimised: "optimised", assembled: "as assembled" };

/**
 * Make the toolbar; `actions` are level(name), foldAll(on), fails(), stage(name), enterFind(), find(text),
 * step(forward), leaveFind(), help().
 *
 * Returns {element, field, show(state), showHits(text)}.
 */
export function toolbar(view, actions) {
  const levels = LEVELS.map((level, i) => levelButton(level, i, actions));
  const fails = element(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      title: "show every guard's fail arguments (key a)",
      onclick: actions.fails,
    },
    "Fail arguments",
  );
  const hits = element("span", { class: "hits soft", "aria-live": "polite" });
  const field = findField(actions);
  const bar = element(
    "div",
    { class: "toolbar", role: "toolbar", "aria-label": "What is shown" },
    element("div", { class: "group" }, levels),
    element(
      "div",
      { class: "group" },
      element(
        "button",
        { type: "button", title: "fold every inlined call (key f)", onclick: () => actions.foldAll(true) },
        "Fold calls",
      ),
      element(
        "button",
        { type: "button", title: "unfold every call (key u)", onclick: () => actions.foldAll(false) },
        "Unfold",
      ),
      fails,
    ),
    view.stages.length > 1 && stageChoice(view, actions),
    element("div", { class: "group find" }, field, hits),
    element(
      "button",
      { class: "help-button", type: "button", title: "keys and marks (key ?)", onclick: actions.help },
      "?",
    ),
  );
  return {
    element: bar,
    field,
    show(state) {
      for (const button of levels)
        button.setAttribute("aria-pressed", String(state.levels.has(button.dataset.level)));
      fails.setAttribute("aria-pressed", String(state.fails));
    },
    showHits(text) {
      hits.textContent = text;
    },
  };
}

function levelButton(level, i, actions) {
  const toggle = () => actions.level(level);
  return element(
    "button",
    { type: "button", "data-level": level, "aria-pressed": "false", title: `key ${i + 1}`, onclick: toggle },
    NAMES[level],
  );
}

function stageChoice(view, actions) {
  const options = view.stages.map((stage) =>
    element("option", { value: stage, selected: stage === view.stage }, STAGES[stage] ?? stage),
  );
  const choice = element("select", { onchange: () => actions.stage(choice.value) }, options);
  return element("label", { class: "group" }, "Stage ", choice);
}

function findField(actions) {
  const field = element("input", {
    type: "search",
    placeholder: "Find in this trace  ( / )",
    "aria-label": "Find in this trace",
    oninput: () => actions.find(field.value),
    onfocus: actions.enterFind,
    onkeydown: (event) => {
      if (event.key === "Enter") actions.step(!event.shiftKey);
      else if (event.key === "Escape") actions.leaveFind();
      else return;
      event.preventDefault();
    },
  });
  return field;
}

const KEYS = [
  ["1 2 3 4", "source, bytecode, resops, machine code on or off"],
  ["↑ ↓", "one row up or down; Page Up, Page Down, Home, End too"],
  ["← →", "fold, unfold the call; ← goes to the call's own row"],
  ["Enter", "follow the row's link: a guard's bridge, a jump's label"],
  ["b", "from a bridge to the guard it starts at"],
  ["g G", "next, previous guard with a bridge"],
  ["f u", "fold every inlined call, unfold all"],
  ["a", "fail arguments of all guards"],
  ["/ or Ctrl F", "find; Enter and Shift Enter go through the hits"],
  ["Esc", "drop the pinned variable"],
];

/** Make the dialog that explains keys and marks. */
export function helpDialog() {
  const dialog = element(
    "dialog",
    { class: "help", "aria-label": "Keys and marks" },
    element("h2", {}, "Keys"),
    element(
      "dl",
      { class: "facts" },
      KEYS.map(([keys, what]) => [
        element(
          "dt",
          {},
          keys.split(" ").map((key) => [KEY.has(key) ? key : element("kbd", {}, key), " "]),
        ),
        element("dd", {}, what),
      ]),
    ),
    element("h2", {}, "Marks"),
    element(
      "dl",
      { class: "facts" },
      Object.entries(KINDS).map(([kind, { mark, meaning }]) => [
        element("dt", {}, element("span", { class: `mark kind-${kind}` }, mark)),
        element("dd", {}, meaning),
      ]),
    ),
    element(
      "p",
      { class: "soft" },
      "Point at a variable to see its definition and its uses, click to keep them marked. How often a guard without a bridge failed isn't known: PyPy doesn't count that.",
    ),
    element("form", { method: "dialog" }, element("button", {}, "Close")),
  );
  return dialog;
}

const KEY = new Set(["or"]);
