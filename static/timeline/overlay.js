// What lies over the calls: names, bands of JIT and GC, the selection, what is pointed at, measured, left out.

import { duration } from "../format.js";
import { ROW } from "./geometry.js";
import { cutMiddle, labelPlace } from "./labels.js";
import { cssOf, lightness } from "./palette.js";
import { shade } from "./raster.js";

// The advance of one character of the labels' font, measured on the first use.
let characterWidth = 0;

/** Number every fifth depth beside the rows. */
export function drawDepths(context, rows, gutter, palette) {
  context.fillStyle = palette.css["ink-faint"];
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const { block, depth, top } of rows) {
    if (depth % 5 === 0 && block.depths > 1) context.fillText(String(depth), gutter - 8, top + ROW / 2);
  }
  context.textAlign = "left";
}

/** Write names into the boxes that have room for one. */
export function drawLabels(context, boxes, { nameOf, palette }, { width }) {
  if (characterWidth === 0) characterWidth = context.measureText("mmmmmmmmmm").width / 10;
  context.textBaseline = "middle";
  for (const { block, columns, row, x, top, width: wide } of boxes) {
    if (block.kind === "line") continue;
    const place = labelPlace(x, x + wide, width, characterWidth);
    if (place === null) continue;
    const text = cutMiddle(nameOf(columns.what[row]), Math.floor(place.room / characterWidth));
    if (text === "") continue;
    context.fillStyle = labelInk(columns, row, palette);
    context.fillText(text, place.x, top + ROW / 2);
  }
}

function labelInk(columns, row, palette) {
  if (columns.colours[row] === palette.dim) return palette.css["ink-faint"];
  return lightness(shade(columns, row, palette.paper)) > 0.5
    ? palette.css["label-dark"]
    : palette.css["label-light"];
}

let hatches = new Map();

/** A pattern of thin lines, rising for JIT work and falling for GC: the bands differ without their hue. */
function hatch(context, colour, rising) {
  const key = `${colour}${rising}`;
  if (hatches.has(key)) return hatches.get(key);
  const tile = new OffscreenCanvas(8, 8);
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 1.2;
  for (const shift of [-8, 0, 8]) {
    pen.moveTo(shift, rising ? 8 : 0);
    pen.lineTo(shift + 8, rising ? 0 : 8);
  }
  pen.stroke();
  hatches.set(key, context.createPattern(tile, "repeat"));
  return hatches.get(key);
}

/** Forget the patterns: the theme has changed. */
export function forgetHatches() {
  hatches = new Map();
}

/**
 * Draw JIT work and collections over the rows of blocks: over each what its own process did.
 *
 * `places` are {block, top, height}; `scene.bandsOf(block)` are the bands of a block, the same list for all of a process.
 */
export function drawBands(context, places, scene, width) {
  for (const [bands, rows] of Map.groupBy(places, ({ block }) => scene.bandsOf(block))) {
    context.save();
    context.beginPath();
    for (const { top, height } of rows) context.rect(0, top, width, height);
    context.clip();
    const top = Math.min(...rows.map((each) => each.top));
    const bottom = Math.max(...rows.map((each) => each.top + each.height));
    fillBands(context, bands, scene, { width, top, height: bottom - top });
    context.restore();
  }
}

function fillBands(context, bands, { range, palette }, { width, top, height }) {
  const perNs = width / (range[1] - range[0]);
  for (const { rows, kind, rising } of bands) {
    const colour = cssOf(palette.events[kind]);
    for (const { start, duration: length, busy } of rows) {
      const x = (start - range[0]) * perNs;
      const wide = Math.max(1, length * perNs);
      context.globalAlpha = 0.26 * Math.max(0.25, length > 0 ? busy / length : 0.25);
      context.fillStyle = colour;
      context.fillRect(x, top, wide, height);
      if (wide < 3) continue;
      context.globalAlpha = 0.5;
      context.fillStyle = hatch(context, colour, rising);
      context.fillRect(x, top, wide, height);
    }
  }
}

/** Outline the selected call and the one pointed at; shade what a selected time leaves out; show the measure. */
export function drawMarks(context, scene, size, placeOf) {
  const perNs = size.width / (scene.range[1] - scene.range[0]);
  const xOf = (time) => (time - scene.range[0]) * perNs;
  if (scene.chosen) shadeOutside(context, xOf(scene.chosen[0]), xOf(scene.chosen[1]), scene.palette, size);
  outline(context, scene.pointed, scene.palette.css.ink, 1, placeOf, xOf);
  outline(context, scene.selected, scene.palette.css.focus, 2, placeOf, xOf);
  if (scene.measured) drawMeasure(context, scene.measured, xOf, scene.palette, size);
}

function outline(context, call, colour, lineWidth, placeOf, xOf) {
  const place = call && placeOf(call);
  if (!place) return;
  const [left, right] = [xOf(call.start), xOf(call.start + call.duration)];
  context.strokeStyle = colour;
  context.lineWidth = lineWidth;
  const x = Math.max(-4, left);
  const wide = Math.max(3, Math.min(right, 1e5) - x);
  context.strokeRect(x + 0.5, place.top + 0.5, wide - 1, place.height - 1);
}

function shadeOutside(context, left, right, palette, { width, height }) {
  context.fillStyle = palette.css.paper;
  context.globalAlpha = 0.62;
  context.fillRect(0, 0, Math.max(0, left), height);
  context.fillRect(right, 0, Math.max(0, width - right), height);
  context.globalAlpha = 1;
  context.strokeStyle = palette.css.focus;
  context.lineWidth = 1;
  context.beginPath();
  for (const x of [left, right]) {
    context.moveTo(Math.round(x) + 0.5, 0);
    context.lineTo(Math.round(x) + 0.5, height);
  }
  context.stroke();
}

function drawMeasure(context, { from, to, y }, xOf, palette, { width }) {
  const [left, right] = [xOf(Math.min(from, to)), xOf(Math.max(from, to))];
  const text = duration(Math.round(Math.abs(to - from)));
  context.strokeStyle = palette.css.ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(left, y);
  context.lineTo(right, y);
  for (const x of [left, right]) {
    context.moveTo(x, y - 6);
    context.lineTo(x, y + 6);
  }
  context.stroke();
  const wide = context.measureText(text).width + 10;
  const x = Math.min(Math.max(0, (left + right - wide) / 2), width - wide);
  context.fillStyle = palette.css.ink;
  context.fillRect(x, y - 26, wide, 18);
  context.fillStyle = palette.css.paper;
  context.textBaseline = "middle";
  context.fillText(text, x + 5, y - 17);
}
