// Above the calls: the ribbon of VM states with resident memory, and the tracks of JIT, GC and marks.

import { element } from "../element.js";
import * as format from "../format.js";
import { line, pointer, scaleLinear } from "../vendor/d3.js";
import { firstAfter, rowObject, rowsOf } from "./columns.js";
import { levelsOf, TRACK_ROWS } from "./events.js";
import { EVENT_KINDS } from "./filter.js";
import { drawPauses, pauseAt, pausesIn, pauseWords } from "./pauses.js";
import { mix, paintLine, pixelsOf, rowAt } from "./raster.js";
import { bucketAt, memoryPoints, paintStack } from "./ribbon.js";
import { resize } from "./stage.js";

const RIBBON = 44;
// The least width of what the ribbon tells apart; a share needs more than the one sample that falls into a pixel.
export const RIBBON_PX = 5;
const TRACK = 14;
const REACH_PX = 3;
// How much lower than the event it is in one begins, and how much nearer to the ink it is.
const INSET = 3;
const DEEPER = 0.6;
const MARK = EVENT_KINDS.indexOf("mark");

const images = new WeakMap();

/** The image a canvas is painted from, kept as long as its size stays: {image, pixels}. */
function imageOf(canvas) {
  const kept = images.get(canvas);
  if (kept?.image.width === canvas.width && kept.image.height === canvas.height) return kept;
  const image = new ImageData(canvas.width, canvas.height);
  images.set(canvas, { image, pixels: new Uint32Array(image.data.buffer) });
  return images.get(canvas);
}

/** Make the ribbon; `actions` is point(text or null). */
export function ribbon(gutter, actions) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  canvas.style.left = `${gutter}px`;
  const most = element("span", { class: "most soft" });
  const of = element("span", { class: "label of" });
  const root = element(
    "div",
    { class: "ribbon" },
    element("span", { class: "label" }, "VM state"),
    of,
    most,
    canvas,
  );
  let layers = [];
  let range = [0, 1];
  let paused = [];
  canvas.addEventListener("pointermove", (event) => {
    const [x] = pointer(event, canvas);
    const time = range[0] + (x / canvas.clientWidth) * (range[1] - range[0]);
    const pause = pauseAt(paused, range, canvas.clientWidth, x);
    actions.point(pause ? pauseWords(pause) : describe(layers, time));
  });
  canvas.addEventListener("pointerleave", () => actions.point(null));

  return {
    element: root,
    /** Draw the states of a thread; `whose` is {name, title}, null where there is but one. */
    draw({ store, range: view, palette, ratio, paused: pauses, whose }, width) {
      range = view;
      name(of, whose?.name, whose?.title);
      root.classList.toggle("named", whose !== null);
      paused = pauses;
      layers = store?.layers(view, width / RIBBON_PX) ?? [];
      if (canvas.width !== Math.round(width * ratio)) resize(canvas, width, RIBBON, ratio);
      const context = canvas.getContext("2d", { alpha: false });
      const { image, pixels } = imageOf(canvas);
      pixels.fill(palette.paper);
      const scale = { from: view[0], perNs: canvas.width / (view[1] - view[0]) };
      for (const { answer } of layers)
        paintStack(pixels, canvas.width, canvas.height, answer, scale, palette.states, RIBBON_PX * ratio);
      context.putImageData(image, 0, 0);
      const whole = { top: 0, height: canvas.height };
      drawPauses(
        context,
        pausesIn(paused, view, width),
        whole,
        { range: view, palette },
        canvas.width,
        false,
      );
      const top = Math.max(0, ...layers.map((each) => each.mostMemory));
      most.textContent = top > 0 ? format.bytes(top) : "";
      most.title = top > 0 ? "most resident memory of what is at hand; the line reaches the top there" : "";
      if (top > 0) drawMemory(context, layers, scale, top, palette, ratio);
    },
    height: RIBBON,
  };
}

function drawMemory(context, layers, { from, perNs }, top, palette, ratio) {
  const to = from + context.canvas.width / perNs;
  const y = scaleLinear([0, top], [RIBBON * ratio - 1, 3 * ratio]);
  const path = line()
    .x(({ time }) => (time - from) * perNs)
    .y(({ bytes }) => y(bytes))
    .context(context);
  // Where a finer window is at hand, the coarser one's points would be among its own.
  const points = layers.flatMap(({ answer, resolution }, i) =>
    memoryPoints(answer).filter(
      ({ time }) =>
        time > from - resolution &&
        time < to + resolution &&
        layers.slice(i + 1).every(({ start, end }) => time < start || time >= end),
    ),
  );
  points.sort((one, other) => one.time - other.time);
  for (const [width, colour] of [
    [4, palette.css.paper],
    [1.5, palette.css.memory],
  ]) {
    context.beginPath();
    path(points);
    context.lineWidth = width * ratio;
    context.lineJoin = "round";
    context.strokeStyle = colour;
    context.stroke();
  }
}

function describe(layers, time) {
  const answer = layers.at(-1)?.answer;
  const at = answer ? bucketAt(answer, time) : -1;
  if (at < 0) return null;
  const shares = answer.states
    .map((state, i) => ({ state, share: answer.shares[i][at] / 1000 }))
    .filter(({ share }) => share > 0)
    .sort((one, other) => other.share - one.share)
    .map(({ state, share }) => `${state} ${format.share(share)}`);
  const memory = answer.memory[at] >= 0 ? `, ${format.bytes(answer.memory[at])} resident` : "";
  return `${shares.join(", ")}${memory}, by ${format.counted(answer.samples[at], "sample")}`;
}

/** Write into a part of a label, unless that stands there; its title tells it in full. */
function name(part, text, title = "") {
  if (part.textContent === (text ?? "") && part.title === title) return;
  part.textContent = text ?? "";
  part.title = title;
}

/** Make the tracks of events; `actions` are point(event or null) and choose(event). */
export function tracks(gutter, actions) {
  const lanes = TRACK_ROWS.map((lane) => makeLane(lane, gutter, actions));
  return {
    element: element(
      "div",
      { class: "tracks" },
      lanes.map((lane) => lane.element),
    ),
    /**
     * Draw the events of a process; `hidden` are the tracks left out, `lit` says whether an event's kind stays coloured,
     * `pid` is the process's number, null where there is but one; the uppermost track says it.
     */
    draw(scene, width) {
      for (const lane of lanes) lane.element.hidden = scene.hidden.has(lane.track);
      const shown = lanes.filter((lane) => !lane.element.hidden);
      for (const lane of shown) lane.draw(scene, width, lane === shown[0]);
    },
  };
}

function makeLane({ track, name: what, kinds }, gutter, actions) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  canvas.style.left = `${gutter}px`;
  const number = element("span", { class: "pid" });
  const label = element("span", { class: "label" }, what, number);
  const root = element("div", { class: "track", "data-track": what }, label, canvas);
  const depths = kinds.map((kind) => EVENT_KINDS.indexOf(kind));
  let scene = null;
  const at = (event) => eventAt(scene, depths, pointer(event, canvas)[0], canvas.width);
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event);
    canvas.classList.toggle("on", found !== null);
    actions.point(found);
  });
  canvas.addEventListener("pointerleave", () => actions.point(null));
  canvas.addEventListener("click", (event) => {
    const found = at(event);
    if (found) actions.choose(found);
  });

  function draw(next, width, isFirst) {
    scene = next;
    const { ratio, palette, range, event, pid } = next;
    const title = pid === null ? "" : `${what} of process ${pid}`;
    if (label.title !== title) label.title = title;
    name(number, pid !== null && isFirst ? ` ${pid}` : null);
    if (canvas.width !== Math.round(width * ratio)) resize(canvas, width, TRACK, ratio);
    const context = canvas.getContext("2d", { alpha: false });
    const { image, pixels } = imageOf(canvas);
    pixels.fill(palette.paper);
    layStrips(pixels, canvas, laneStrips(next, depths, canvas.width, width), palette.paper, ratio);
    context.putImageData(image, 0, 0);
    if (!event || !kinds.includes(event.kind) || event.start === undefined) return;
    const perNs = canvas.width / (range[1] - range[0]);
    context.strokeStyle = palette.css.focus;
    context.lineWidth = 2 * ratio;
    const left = (event.start - range[0]) * perNs;
    context.strokeRect(left - 1, ratio, Math.max(3, event.duration * perNs) + 2, canvas.height - 2 * ratio);
  }
  return { element: root, track, draw };
}

/**
 * The lines of pixels that a lane is made of, each over those before it: {line, inset, depth, level}.
 *
 * What nests in an event of its kind stands before it, lower and darker; what of the next kind is there, before both.
 */
function laneStrips({ store, range, palette, lit }, depths, width, wide) {
  const layers = store?.layers(range, wide) ?? [];
  const scale = { from: range[0], perNs: width / (range[1] - range[0]) };
  const strips = depths.flatMap((depth) => {
    const levels = Math.max(1, ...layers.map((columns) => levelsWith(columns, depth)));
    return Array.from({ length: levels }, (_, level) => ({
      depth,
      level,
      inset: level * INSET,
      line: new Uint32Array(width).fill(palette.paper),
    }));
  });
  for (const columns of layers) {
    const [left, right] = pixelsOf(columns, scale, width);
    if (right <= left) continue;
    for (const { depth, level, line } of strips) {
      line.fill(palette.paper, left, right);
      const rows = levelsOf(columns)[level];
      if (!rows) continue;
      const full = mix(lit(depth) ? palette.events[depth] : palette.dim, palette.ink, DEEPER ** level);
      // A mark lasts no time: how much of a pixel it covers says nothing.
      const paper = depth === MARK ? full : palette.paper;
      paintLine(line, rows, depth, scale, paintedIn(rows, depth, full), left, right, paper);
    }
  }
  return strips;
}

/** On how many levels events of a kind lie. */
function levelsWith(columns, depth) {
  const levels = levelsOf(columns);
  return levels.findLastIndex((rows) => rowsOf(rows, depth)[0] < rowsOf(rows, depth)[1]) + 1;
}

function paintedIn(columns, depth, colour) {
  columns.pixels ??= new Uint32Array(columns.length);
  columns.pixels.fill(colour, ...rowsOf(columns, depth));
  return columns.pixels;
}

/** Lay the strips of a lane into its image. */
function layStrips(pixels, { width, height }, strips, paper, ratio) {
  const insets = [...new Set(strips.map(({ inset }) => inset))].sort((one, other) => one - other);
  for (const inset of insets) {
    const lane = new Uint32Array(width).fill(paper);
    for (const { line } of strips.filter((each) => each.inset <= inset))
      for (let x = 0; x < width; x += 1) if (line[x] !== paper) lane[x] = line[x];
    for (let y = 1 + Math.round(inset * ratio); y < height - 1; y += 1) pixels.set(lane, y * width);
  }
}

/** The event at a place of a lane, the shortest of those that are there; else one near it. */
function eventAt({ store, range, ratio } = {}, depths, place, width) {
  const scale = { from: range[0], perNs: width / (range[1] - range[0]) };
  const x = place * ratio;
  const columns = store?.layers(range, width / ratio).findLast((each) => {
    const [left, right] = pixelsOf(each, scale, width);
    return x >= left && x < right;
  });
  if (!columns) return null;
  for (const reach of [0, REACH_PX * ratio]) {
    // What is drawn last lies on top.
    for (const depth of [...depths].reverse()) {
      const found = levelsOf(columns)
        .map((rows) => [rows, rowAt(rows, depth, scale, x, reach)])
        .filter(([, i]) => i >= 0)
        .sort(([one, i], [other, j]) => one.duration[i] - other.duration[j]);
      if (found.length > 0) return eventOf(...found[0]);
    }
  }
  return null;
}

/** A row of the tracks as an event. */
export function eventOf(columns, i) {
  const { what, call, ...row } = rowObject(columns, i);
  return { ...row, kind: EVENT_KINDS[what], id: call };
}

/** The rows of some kinds that lie in a range, for the bands: what the finest window at hand has of them. */
export function bandRows(store, range, width, kinds) {
  return kinds.map((kind) => {
    const depth = EVENT_KINDS.indexOf(kind);
    const rows = [];
    for (const columns of store?.layers(range, width).slice(-1) ?? []) {
      const [, end] = rowsOf(columns, depth);
      for (let i = firstAfter(columns, depth, range[0]); i < end && columns.begin[i] < range[1]; i += 1) {
        if (columns.begin[i] + columns.duration[i] < range[0]) continue;
        rows.push({ start: columns.begin[i], duration: columns.duration[i], busy: columns.busy[i] });
      }
    }
    return { kind: depth, rows };
  });
}
