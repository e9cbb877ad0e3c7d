// The overview: the whole run with a lens over what is in view.

import { element } from "../element.js";
import { brushX, select } from "../vendor/d3.js";
import { rowColours } from "./colours.js";
import { drawPauses, pausesIn } from "./pauses.js";
import { paintRows } from "./raster.js";
import { resize } from "./stage.js";

const HEIGHT = 48;
// A lens over more than this of the run would leave nothing to drag over.
const ALMOST_ALL = 0.985;

/** Make the overview; `actions` are look(range) for the lens and choose(range) for a time selected beside it. */
export function minimap(gutter, actions) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const root = element(
    "div",
    { class: "minimap", title: "drag the lens to move it; drag beside it to select a time" },
    element("span", { class: "label" }, "whole run"),
    canvas,
  );
  canvas.style.left = `${gutter}px`;
  const svg = select(root).append("svg").attr("height", HEIGHT).attr("aria-hidden", "true");
  svg.style("left", `${gutter}px`);
  const chosenMark = svg.append("rect").attr("class", "chosen").attr("height", HEIGHT);
  const lens = svg.append("g").attr("class", "lens");
  const brush = brushX().handleSize(8);
  let width = 0;
  let domain = [0, 1];
  let drawn = null;
  let making = false;
  let latest = null;

  const timeAt = (x) => domain[0] + (x / width) * (domain[1] - domain[0]);
  const xOf = (time) => ((time - domain[0]) / (domain[1] - domain[0])) * width;

  brush.on("start", (event) => {
    if (!event.sourceEvent) return;
    const [from, to] = event.selection ?? [0, 0];
    making = to - from < 1;
  });
  brush.on("brush", (event) => {
    if (!event.sourceEvent || !event.selection) return;
    latest = event.selection.map(timeAt);
    if (!making) actions.look(latest);
    else mark(latest);
  });
  brush.on("end", (event) => {
    if (!event.sourceEvent) return;
    if (making && event.selection) actions.choose(event.selection.map(timeAt));
    else actions.ended();
    making = false;
  });

  function mark(range) {
    const [left, right] = range ? range.map(xOf) : [0, 0];
    chosenMark.attr("x", left).attr("width", Math.max(0, right - left));
  }

  function showLens(range) {
    const [left, right] = range.map(xOf);
    const all = right - left > width * ALMOST_ALL;
    lens.call(brush.move, all ? null : [Math.max(0, left), Math.min(width, Math.max(left + 2, right))]);
  }

  return {
    element: root,
    height: HEIGHT,
    /** Draw the run of `span` from a window of calls over a width; `range` is in view, `chosen` selected or null, `paused` what to hatch. */
    draw({ columns, paint, block, palette, span, range, chosen, paused, ratio }, wide) {
      domain = span;
      if (wide !== width) {
        width = wide;
        svg.attr("width", width);
        brush.extent([
          [0, 0],
          [width, HEIGHT],
        ]);
        lens.call(brush);
        drawn = null;
      }
      if (drawn?.columns !== columns || drawn?.paint !== paint) {
        resize(canvas, width, HEIGHT, ratio);
        if (columns) paintOverview(canvas, { columns, paint, block, palette, span, paused, ratio }, width);
        drawn = { columns, paint };
      }
      if (!making) {
        mark(chosen);
        showLens(range);
      }
    },
  };
}

function paintOverview(canvas, { columns, paint, block, palette, span, paused, ratio }, width) {
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer).fill(palette.paper);
  const shown = Math.max(1, Math.min(columns.depths, canvas.height));
  const height = Math.max(1, Math.min(Math.floor(canvas.height / shown), 8 * ratio));
  const rows = Array.from({ length: shown }, (_, i) => ({
    depth: Math.floor((i * columns.depths) / shown),
    y: i * height,
    height,
  }));
  const scale = { from: span[0], perNs: canvas.width / (span[1] - span[0]) };
  const colours = rowColours(columns, { ...paint.look(block), highlight: -1 }, paint.lit(block));
  const gap = height > 3 * ratio ? 1 : 0;
  const edges = { top: 0, bottom: canvas.height, gap, paper: palette.paper };
  paintRows(pixels, canvas.width, [{ columns, colours }], scale, rows, edges);
  const context = canvas.getContext("2d", { alpha: false });
  context.putImageData(image, 0, 0);
  const whole = { top: 0, height: canvas.height };
  drawPauses(context, pausesIn(paused, span, width), whole, { range: span, palette }, canvas.width, false);
}
