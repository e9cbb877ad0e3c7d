// The overview: the whole run with a lens over what is in view.

import { element } from "../element.js";
import { brushX, select } from "../vendor/d3.js";
import { rowColours } from "./colours.js";
import { drawPauses, pausesIn } from "./pauses.js";
import { paintRows } from "./raster.js";
import { resize } from "./stage.js";

const HEIGHT = 48;
// A row is no higher, so that a shallow run isn't thick, and where several threads share the height, no lower.
const MOST_ROW = 8;
const LEAST_ROW = 2;
const APART = 2;
// A press that moves less is a click.
const CLICK_PX = 5;
// A lens over more than this of the run would leave nothing to drag over.
const ALMOST_ALL = 0.985;

/** Make the overview; `actions` are look(range) for the lens, choose(range) for a time selected beside it, and ended(). */
export function minimap(gutter, actions) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const label = element("span", { class: "label" });
  const root = element(
    "div",
    { class: "minimap", title: "drag the lens to move it, or click beside it; drag there to select a time" },
    label,
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
  let pressed = 0;
  let seen = domain;

  const timeAt = (x) => domain[0] + (x / width) * (domain[1] - domain[0]);
  const xOf = (time) => ((time - domain[0]) / (domain[1] - domain[0])) * width;

  brush.on("start", (event) => {
    if (!event.sourceEvent) return;
    const [from, to] = event.selection ?? [0, 0];
    making = to - from < 1;
    pressed = timeAt(from);
  });
  brush.on("brush", (event) => {
    if (!event.sourceEvent || !event.selection) return;
    const range = event.selection.map(timeAt);
    if (making) mark(range);
    else actions.look(range);
  });
  brush.on("end", (event) => {
    if (!event.sourceEvent) return;
    const [from, to] = event.selection ?? [0, 0];
    if (making && to - from >= CLICK_PX) actions.choose([from, to].map(timeAt));
    else {
      if (making) actions.look(around(pressed));
      actions.ended();
    }
    making = false;
  });

  /** Where the lens is with its middle at a time. */
  function around(time) {
    const half = (seen[1] - seen[0]) / 2;
    return [time - half, time + half];
  }

  function mark(range) {
    const [left, right] = range ? range.map(xOf) : [0, 0];
    chosenMark.attr("x", left).attr("width", Math.max(0, right - left));
  }

  function tellHowMany(shown, threads) {
    const text = shown < threads ? `whole run\n${shown} of ${threads}\nthreads` : "whole run";
    if (label.textContent !== text) label.textContent = text;
  }

  function showLens(range) {
    const [left, right] = range.map(xOf);
    const all = right - left > width * ALMOST_ALL;
    lens.call(brush.move, all ? null : [Math.max(0, left), Math.min(width, Math.max(left + 2, right))]);
  }

  return {
    element: root,
    height: HEIGHT,
    /**
     * Draw the run of `span` over a width; `range` is in view, `chosen` selected or null.
     *
     * `bands` are the threads from top to bottom, {columns or null, block, paused}: what is drawn of each, and hatched;
     * `threads` is how many there are.
     */
    draw({ bands, threads, paint, palette, span, range, chosen, ratio }, wide) {
      domain = span;
      seen = range;
      tellHowMany(bands.length, threads);
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
      const what = [paint.version, ratio, ...bands.map(({ columns }) => columns)];
      if (drawn?.length !== what.length || what.some((each, i) => each !== drawn[i])) {
        resize(canvas, width, HEIGHT, ratio);
        paintOverview(canvas, { bands, paint, palette, span, ratio }, width);
        drawn = what;
      }
      if (!making) {
        mark(chosen);
        showLens(range);
      }
    },
  };
}

function paintOverview(canvas, { bands, paint, palette, span, ratio }, width) {
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer).fill(palette.paper);
  const scale = { from: span[0], perNs: canvas.width / (span[1] - span[0]) };
  const places = placesOf(bands.length, canvas.height, ratio);
  for (const [i, { columns, block }] of bands.entries()) {
    if (!columns) continue;
    const colours = rowColours(columns, { ...paint.look(block), highlight: -2 }, paint.lit(block));
    const rows = rowsIn(places[i], columns.depths, bands.length > 1 ? LEAST_ROW * ratio : 1, ratio);
    const edges = {
      top: 0,
      bottom: canvas.height,
      gap: rows[0]?.height > 3 * ratio ? 1 : 0,
      paper: palette.paper,
    };
    paintRows(pixels, canvas.width, [{ columns, colours }], scale, rows, edges);
  }
  const context = canvas.getContext("2d", { alpha: false });
  context.putImageData(image, 0, 0);
  for (const [i, { paused }] of bands.entries())
    drawPauses(
      context,
      pausesIn(paused, span, width),
      places[i],
      { range: span, palette },
      canvas.width,
      false,
    );
}

/** Where threads stand below each other: {top, height} each. */
function placesOf(many, height, ratio) {
  const each = Math.floor(height / Math.max(1, many));
  const apart = many > 1 ? APART * ratio : 0;
  return Array.from({ length: many }, (_, i) => ({ top: i * each, height: each - apart }));
}

/** As many depths of a thread as there is room for, spread over all of them. */
function rowsIn({ top, height }, depths, least, ratio) {
  const shown = Math.max(1, Math.min(depths, Math.floor(height / least)));
  const high = Math.max(1, Math.min(Math.floor(height / shown), MOST_ROW * ratio));
  return Array.from({ length: shown }, (_, i) => ({
    depth: Math.floor((i * depths) / shown),
    y: top + i * high,
    height: high,
  }));
}
