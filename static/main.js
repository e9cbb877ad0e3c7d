// Start the page: mount the module that its <main> names, and the theme button.

import { Refusal } from "./api.js";
import { element, fill } from "./element.js";
import { recordedMode } from "./mode.js";

const PAGES = {
  runs: () => import("./runs.js"),
  overview: () => import("./overview.js"),
  timeline: () => import("./timeline.js"),
  traces: () => import("./traces.js"),
  trace: () => import("./trace.js"),
  aborts: () => import("./aborts.js"),
};

const THEMES = { auto: "dark", dark: "light", light: "auto" };

function startThemeButton(button) {
  const root = document.documentElement;
  const show = () => {
    const theme = root.dataset.theme ?? "auto";
    button.textContent = `Theme: ${theme}`;
  };
  button.addEventListener("click", () => {
    const next = THEMES[root.dataset.theme ?? "auto"];
    if (next === "auto") {
      delete root.dataset.theme;
      localStorage.removeItem("tracebin.theme");
    } else {
      root.dataset.theme = next;
      localStorage.setItem("tracebin.theme", next);
    }
    show();
    document.dispatchEvent(new Event("themechange"));
  });
  show();
}

function showMode(place) {
  const { text, title } = recordedMode(JSON.parse(place.dataset.recorded));
  place.textContent = text;
  place.title = title;
}

async function start(place) {
  const { mount } = await PAGES[place.dataset.page]();
  try {
    await mount(place);
  } catch (fault) {
    fill(place, element("p", { class: "refusal", role: "alert" }, faultText(fault)));
    if (!(fault instanceof Refusal)) throw fault;
  }
}

const faultText = (fault) =>
  fault instanceof Refusal
    ? fault.message
    : "This page has a fault of its own; the browser's console tells more.";

startThemeButton(document.getElementById("theme"));
const recorded = document.querySelector("[data-recorded]");
if (recorded) showMode(recorded);
const place = document.querySelector("main[data-page]");
if (place) await start(place);
