// When the program wanted no samples and calls: what is drawn there, so that nobody takes it for idle time, and what is said.

import * as format from "../format.js";
import { cssOf } from "./palette.js";
import { momentText } from "./ticks.js";

const REACH_PX = 2;
const TILE = 8;
const LABEL = "paused";
// Room on either side of the label.
const MARGIN = 6;

/** The pauses in view of a list in order of time; those within a pixel of each other are one: {start, end, busy, count}. */
export function pausesIn(paused, [from, to], width) {
  const pixel = (to - from) / Math.max(1, width);
  const found = [];
  for (let i = firstEnding(paused, from); i < paused.length && paused[i][0] <= to; i += 1) {
    const [start, end] = paused[i];
    const last = found.at(-1);
    if (last && start - last.end < pixel) {
      Object.assign(last, { end, busy: last.busy + end - start, count: last.count + 1 });
    } else found.push({ start, end, busy: end - start, count: 1 });
  }
  return found;
}

function firstEnding(paused, time) {
  let [low, high] = [0, paused.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (paused[middle][1] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The pause at a place of the picture, or null. */
export function pauseAt(paused, range, width, x) {
  const perNs = width / (range[1] - range[0]);
  const time = range[0] + x / perNs;
  const reach = REACH_PX / perNs;
  return (
    pausesIn(paused, range, width).find(({ start, end }) => time >= start - reach && time <= end + reach) ??
    null
  );
}

/** A pause under the pointer in a line of words. */
export function pauseWords({ start, end, busy, count }) {
  const why = "the program wanted no samples and calls";
  const length = end - start;
  const what =
    count > 1
      ? `${format.count(count)} pauses in ${format.duration(length)}, ${format.duration(busy)} together`
      : `paused for ${format.duration(length)}`;
  return `${what}: ${why}  ·  at ${momentText(start, length)}`;
}

/** How often and how long some processes paused in a range, or at all: {count, total}. */
export function pausedTime(processes, range) {
  const [from, to] = range ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const inside = processes
    .flatMap(({ paused }) => paused)
    .map(([start, end]) => [Math.max(from, start), Math.min(to, end)])
    .filter(([start, end]) => start < end);
  return { count: inside.length, total: inside.reduce((sum, [start, end]) => sum + end - start, 0) };
}

/** How often and how long, in words; null where it never did. */
export function pausedNote(processes, range = null) {
  const { count, total } = pausedTime(processes, range);
  return count > 0 ? `paused ${format.counted(count, "time")}, ${format.duration(Math.round(total))}` : null;
}

const hatches = new Map();

/** A pattern of thin crossing lines, which neither the JIT's bands nor the collector's have. */
function hatch(context, colour) {
  if (hatches.has(colour)) return hatches.get(colour);
  const tile = new OffscreenCanvas(TILE, TILE);
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 0.8;
  for (const [from, to] of [
    [0, TILE],
    [TILE, 0],
  ]) {
    pen.moveTo(0, from);
    pen.lineTo(TILE, to);
  }
  pen.stroke();
  hatches.set(colour, context.createPattern(tile, "repeat"));
  return hatches.get(colour);
}

/** Draw the pauses over one stretch of height, {top, height}, of a picture; with a label where there is room. */
export function drawPauses(context, pauses, { top, height }, { range, palette }, width, label = true) {
  if (pauses.length === 0) return;
  const perNs = width / (range[1] - range[0]);
  const room = context.measureText(LABEL).width + 2 * MARGIN;
  for (const { start, end, busy } of pauses) {
    const left = Math.max(-TILE, (start - range[0]) * perNs);
    const right = Math.min(width + TILE, Math.max(left + 1, (end - range[0]) * perNs));
    const part = end > start ? Math.max(0.25, busy / (end - start)) : 1;
    context.globalAlpha = 0.7 * part;
    context.fillStyle = cssOf(palette.dim);
    context.fillRect(left, top, right - left, height);
    const narrow = right - left < 3;
    context.globalAlpha = (narrow ? 0.3 : 0.5) * part;
    context.fillStyle = narrow ? palette.css["ink-faint"] : hatch(context, palette.css["ink-faint"]);
    context.fillRect(left, top, right - left, height);
    context.globalAlpha = 1;
    const [seenLeft, seenRight] = [Math.max(0, left), Math.min(width, right)];
    if (label && seenRight - seenLeft > room)
      writeLabel(context, (seenLeft + seenRight) / 2, top + TILE, room, palette);
  }
}

function writeLabel(context, middle, y, room, palette) {
  const left = Math.round(middle - room / 2);
  context.fillStyle = cssOf(palette.dim);
  context.fillRect(left, y - TILE + 1, room, 2 * TILE - 2);
  context.fillStyle = palette.css["ink-soft"];
  context.textBaseline = "middle";
  context.fillText(LABEL, left + MARGIN, y);
}
