// The bar above the picture: views, colours, graying, bands, the filter box; and the sheet of keys.

import { element, fill } from "../element.js";
import { COLOUR_MODES, COLOUR_NAMES } from "./colours.js";
import { COMMANDS, GESTURES, keysOf } from "./commands.js";
import { GRAY_MODES, GRAY_NAMES } from "./dim.js";
import { VIEWS } from "./url-state.js";

const VIEW_NAMES = {
  time: ["Time order", "viewTime"],
  merged: ["Left heavy", "viewMerged"],
  lines: ["By function", "viewLines"],
  sandwich: ["Sandwich", "viewSandwich"],
  table: ["Table", "viewTable"],
};
const BAND_NAMES = { jit: ["JIT", "bandsJit"], gc: ["GC", "bandsGc"] };
const GRAY_KEYS = {
  inside: "grayInside",
  same: "graySame",
  class: "grayClass",
  module: "grayModule",
  package: "grayPackage",
};
const TRACK_NAMES = {
  ribbon: "VM state",
  jit: "JIT and aborts",
  gc: "GC",
  marks: "marks",
  matches: "matches",
};

/**
 * Make the toolbar; `actions` are view(name), colour(name), gray(mode), band(name), track(name), thread(id),
 * filter(text), step(forward), leave(), help().
 *
 * Returns {element, filter, field, show(state), tell(text), refuse(text or null), close()}; `filter` is the filter box.
 */
export function toolbar(threads, actions) {
  const views = VIEWS.map((view) =>
    pressable(VIEW_NAMES[view][0], keysOf(VIEW_NAMES[view][1]), () => actions.view(view), {
      "data-view": view,
    }),
  );
  const bands = Object.entries(BAND_NAMES).map(([band, [name, command]]) =>
    pressable(name, keysOf(command), () => actions.band(band), { "data-band": band }),
  );
  const colour = choice("Colour", COLOUR_MODES, COLOUR_NAMES, (mode) => actions.colour(mode), actions.leave);
  const gray = menu("Gray out", grayEntries(actions));
  const shown = menu("Tracks", trackEntries(actions));
  const thread = threads.length > 1 ? threadChoice(threads, actions) : null;
  const filter = filterBox(actions);
  const bar = element(
    "div",
    { class: "toolbar", role: "toolbar", "aria-label": "How the calls are shown" },
    element("div", { class: "group views" }, views),
    element("label", { class: "group" }, element("span", { class: "soft" }, "Colour"), colour),
    element("div", { class: "group" }, gray.element, shown.element),
    element(
      "div",
      { class: "group", role: "group", "aria-label": "Bands" },
      element("span", { class: "soft" }, "Bands"),
      bands,
    ),
    thread,
    element(
      "button",
      { type: "button", class: "help-button", title: "keys (?)", onclick: actions.help },
      "?",
    ),
  );
  return {
    element: bar,
    filter: filter.element,
    field: filter.field,
    tell: filter.tell,
    refuse: filter.refuse,
    /** Close what is folded out; true where something was. */
    close: () => [gray, shown].filter((each) => each.close()).length > 0,
    show(state) {
      for (const button of views) press(button, button.dataset.view === state.view);
      for (const button of bands) press(button, state.bands.has(button.dataset.band));
      colour.value = state.colour;
      gray.show((mode) => state.gray.has(mode), state.gray.size);
      shown.show((track) => !state.hidden.has(track), 0);
      if (thread) thread.querySelector("select").value = String(state.thread);
      if (filter.field.value !== state.filter && document.activeElement !== filter.field)
        filter.field.value = state.filter;
    },
  };
}

const press = (button, on) => button.setAttribute("aria-pressed", String(on));

function pressable(name, keys, onclick, more = {}) {
  return element(
    "button",
    { type: "button", "aria-pressed": "false", title: `key ${keys}`, onclick, ...more },
    name,
  );
}

/** A list to choose from.  The hand that chose with the mouse goes on in the picture, with arrow keys it may choose on. */
function dropdown(options, chosen, leave, more = {}) {
  let byKey = false;
  const made = element(
    "select",
    {
      ...more,
      onkeydown: () => {
        byKey = true;
      },
      onpointerdown: () => {
        byKey = false;
      },
      onchange: () => {
        chosen(made.value);
        if (!byKey) leave();
      },
    },
    options,
  );
  return made;
}

function choice(label, values, names, chosen, leave) {
  const options = values.map((value) => element("option", { value }, names[value]));
  return dropdown(options, (value) => chosen(value), leave, { "aria-label": label });
}

function threadChoice(threads, actions) {
  const options = threads.map(({ id, title }) => element("option", { value: id }, title));
  const made = dropdown(options, (id) => actions.thread(Number(id)), actions.leave);
  return element("label", { class: "group" }, element("span", { class: "soft" }, "Thread"), made);
}

const grayEntries = (actions) => [
  ...GRAY_MODES.map((mode) => ({
    name: mode,
    text: GRAY_NAMES[mode],
    keys: keysOf(GRAY_KEYS[mode]),
    act: () => actions.gray(mode),
  })),
  {
    name: "nothing",
    text: "nothing",
    keys: keysOf("grayNothing"),
    act: () => actions.gray(null),
    plain: true,
  },
];

const trackEntries = (actions) =>
  Object.entries(TRACK_NAMES).map(([track, text]) => ({
    name: track,
    text,
    keys: "",
    act: () => actions.track(track),
  }));

/** A button that folds a menu of switches out. */
function menu(title, entries) {
  const items = entries.map(({ name, text, keys, act, plain }) =>
    element(
      "button",
      { type: "button", role: plain ? "menuitem" : "menuitemcheckbox", "data-name": name, onclick: act },
      text,
      keys && element("kbd", {}, keys),
    ),
  );
  const many = element("span", { class: "many" });
  const summary = element("summary", { class: "button" }, title, many);
  const made = element(
    "details",
    { class: "menu" },
    summary,
    element("div", { role: "menu", "aria-label": title }, items),
  );
  made.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    made.open = true;
    const at = items.indexOf(document.activeElement);
    items[(at + step + items.length) % items.length].focus();
    event.preventDefault();
  });
  made.addEventListener("focusout", (event) => {
    if (!made.contains(event.relatedTarget)) made.open = false;
  });
  return {
    element: made,
    close() {
      const was = made.open;
      if (was && made.contains(document.activeElement)) summary.focus();
      made.open = false;
      return was;
    },
    show(isOn, count) {
      for (const item of items) {
        if (item.getAttribute("role") === "menuitemcheckbox")
          item.setAttribute("aria-checked", String(isOn(item.dataset.name)));
      }
      many.textContent = count > 0 ? String(count) : "";
    },
  };
}

function filterBox(actions) {
  const field = element("input", {
    type: "search",
    id: "filter",
    placeholder: "Filter: text, file.py:42, /regex/, pkg:, cat:gc, -name:",
    "aria-label": "Filter",
    "aria-describedby": "filter-count filter-fault",
    spellcheck: "false",
    oninput: () => actions.filter(field.value),
    onkeydown: (event) => {
      if (event.key === "Enter") actions.step(!event.shiftKey);
      else if (event.key === "Escape") actions.leave();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  });
  const count = element("span", { class: "count soft", id: "filter-count", "aria-live": "polite" });
  const fault = element("p", { class: "fault", id: "filter-fault", role: "alert", hidden: true });
  return {
    field,
    element: element("div", { class: "group filter" }, field, count, fault),
    tell(text) {
      count.textContent = text;
      count.title = text;
    },
    refuse(text) {
      fault.hidden = text === null;
      fault.textContent = text ?? "";
      field.setAttribute("aria-invalid", String(text !== null));
    },
  };
}

/** Make the sheet of keys and gestures. */
export function helpSheet() {
  const groups = [...new Set(COMMANDS.map(({ group }) => group))];
  const entry = (keys, does) => [
    element(
      "dt",
      {},
      keys.split(" ").map((key) => [element("kbd", {}, key), " "]),
    ),
    element("dd", {}, does),
  ];
  const columns = groups.map((group) =>
    element(
      "section",
      {},
      element("h3", {}, group),
      element(
        "dl",
        { class: "facts" },
        COMMANDS.filter((each) => each.group === group).map(({ shown, does }) => entry(shown, does)),
      ),
    ),
  );
  const gestures = element(
    "section",
    {},
    element("h3", {}, "Mouse and fingers"),
    element(
      "dl",
      { class: "facts" },
      GESTURES.map(([what, does]) => [element("dt", {}, what), element("dd", {}, does)]),
    ),
  );
  const dialog = element("dialog", { class: "help", "aria-label": "Keys" });
  fill(
    dialog,
    element("div", { class: "sheet" }, columns, gestures),
    element("form", { method: "dialog" }, element("button", {}, "Close")),
  );
  return dialog;
}
