// The one bar of where a run's time went.

import { element } from "./element.js";
import * as format from "./format.js";
import { scaleLinear, select } from "./vendor/d3.js";

const MEANINGS = {
  interpreted: "Python bytecode run by the interpreter",
  jitted: "machine code of traces",
  blackhole: "finishing in the interpreter after a guard failed",
  tracing: "recording, optimising and assembling traces",
  gc: "garbage collection",
  native: "libraries in C, and waits in the kernel: sleep, files, sockets, locks",
  unknown: "no sample tells",
};

const WIDTH = 1000;
const HEIGHT = 34;
// A label of about 12 characters needs this much of the bar's width.
const LABEL_SHARE = 0.09;

/**
 * Make the bar's chart: call it on a selection of elements to draw into.
 *
 * `shares` are {state, ns, share}, in the order they are drawn.
 */
export function timeBar() {
  let shares = [];
  let width = WIDTH;

  function chart(selection) {
    const x = scaleLinear([0, shares.reduce((sum, { share }) => sum + share, 0) || 1], [0, width]);
    const starts = shares.map((_, i) => shares.slice(0, i).reduce((sum, { share }) => sum + share, 0));
    const svg = selection
      .append("svg")
      .attr("class", "time-bar")
      .attr("viewBox", `0 0 ${width} ${HEIGHT}`)
      .attr("preserveAspectRatio", "none")
      .attr("role", "img")
      .attr("aria-label", shares.map(({ state, share }) => `${state} ${format.share(share)}`).join(", "));
    const parts = svg.selectAll("rect").data(shares).join("rect");
    parts
      .attr("class", ({ state }) => `state-${state}`)
      .attr("x", (_, i) => x(starts[i]))
      .attr("width", ({ share }) => x(share))
      .attr("height", HEIGHT);
    parts
      .append("title")
      .text(({ state, ns, share }) => `${state}: ${format.duration(ns)}, ${format.share(share)}`);
  }

  chart.shares = (value) => {
    shares = value;
    return chart;
  };
  chart.width = (value) => {
    width = value;
    return chart;
  };
  return chart;
}

/** Put the bar, the names of its wide parts and a legend with every value into one figure. */
export function timeFigure(time) {
  const bar = element("div", { class: "time-frame" });
  select(bar).call(timeBar().shares(time.shares));
  const labels = element("div", { class: "time-labels", "aria-hidden": "true" }, time.shares.map(barLabel));
  bar.append(labels);
  return element(
    "figure",
    { class: "time" },
    bar,
    element("ul", { class: "legend" }, time.shares.map(legendEntry)),
  );
}

function barLabel({ state, share }) {
  const label = element("span", {}, share >= LABEL_SHARE ? `${state} ${format.share(share)}` : "");
  label.style.flexBasis = `${share * 100}%`;
  return label;
}

function legendEntry({ state, ns, share }) {
  return element(
    "li",
    { title: MEANINGS[state] ?? state },
    element("span", { class: `swatch state-${state}` }),
    element("span", { class: "state" }, state),
    element("span", { class: "value" }, format.share(share)),
    element("span", { class: "soft" }, format.duration(ns)),
  );
}
