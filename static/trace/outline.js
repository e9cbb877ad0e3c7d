// The outline beside a trace: its whole path at a glance, deeper calls further right.
//
// The rows are squeezed into bins of one pixel; `outlineBins` is pure, the drawing is a canvas.

import { element } from "../element.js";

/** Squeeze rows into bins: {depth, guards, bridges, calls} per bin, the deepest and the sums of its rows. */
export function outlineBins(rows, height) {
  const many = Math.max(1, Math.min(height, rows.length));
  const bins = Array.from({ length: many }, () => ({ depth: 0, rows: 0, guards: 0, bridges: 0, calls: 0 }));
  rows.forEach((row, i) => {
    const bin = bins[Math.floor((i * many) / rows.length)];
    bin.depth = Math.max(bin.depth, row.level);
    bin.rows += 1;
    if (row.type !== "op") return;
    if (row.op.kind === "guard") bin.guards += 1;
    if (row.op.kind === "call") bin.calls += 1;
    if (row.op.bridge) bin.bridges += 1;
  });
  return bins;
}

const WIDTH = 72;

/**
 * Make the outline; `go(part)` is called with the part of the path, 0 to 1, that is clicked or dragged to.
 *
 * Returns {element, draw(rows), window(from, to), marks(positions)}; positions are parts of the path too.
 */
export function outline({ go }) {
  const canvas = element("canvas", { class: "outline-canvas", width: WIDTH });
  const sight = element("div", { class: "outline-window" });
  const place = element(
    "div",
    { class: "outline", "aria-hidden": "true", title: "outline: calls by depth, ◂ bridges" },
    canvas,
    sight,
  );
  let rows = [];
  let marked = [];

  function draw() {
    const height = place.clientHeight;
    const scale = window.devicePixelRatio || 1;
    if (height === 0) return;
    canvas.width = WIDTH * scale;
    canvas.height = height * scale;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    paint(pen, colours(place), outlineBins(rows, height), used(height), marked);
  }

  // A short path isn't stretched: one row is at most this many pixels high.
  const used = (height) => Math.min(height, rows.length * 4);

  const jump = (event) => {
    const y = event.clientY - place.getBoundingClientRect().top;
    go(Math.min(1, Math.max(0, y / Math.max(1, used(place.clientHeight)))));
  };
  place.addEventListener("pointerdown", (event) => {
    place.setPointerCapture(event.pointerId);
    jump(event);
  });
  place.addEventListener("pointermove", (event) => event.buttons === 1 && jump(event));
  new ResizeObserver(draw).observe(place);
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    element: place,
    draw(newRows) {
      rows = newRows;
      draw();
    },
    window(from, to) {
      const height = used(place.clientHeight);
      sight.style.top = `${from * height}px`;
      sight.style.height = `${Math.max(4, (to - from) * height)}px`;
    },
    marks(positions) {
      marked = positions;
      draw();
    },
  };
}

function paint(pen, colour, bins, height, marked) {
  const step = height / bins.length;
  const deepest = Math.max(3, ...bins.map((bin) => bin.depth + 1));
  bins.forEach((bin, i) => {
    const left = (bin.depth / deepest) * (WIDTH - 22);
    pen.fillStyle = colour.bar;
    pen.fillRect(left, i * step, WIDTH - 14 - left, Math.max(1, step) + 0.5);
    pen.fillStyle = colour.guard;
    pen.fillRect(
      left,
      i * step,
      (WIDTH - 14 - left) * Math.min(1, bin.guards / bin.rows) * 0.7,
      Math.max(1, step - 0.5),
    );
    if (bin.bridges > 0) arrow(pen, colour.bridge, i * step + step / 2);
  });
  pen.fillStyle = colour.mark;
  for (const at of marked) pen.fillRect(0, at * height, 6, 2);
}

function arrow(pen, colour, y) {
  pen.fillStyle = colour;
  pen.beginPath();
  pen.moveTo(WIDTH - 11, y);
  pen.lineTo(WIDTH - 3, y - 4);
  pen.lineTo(WIDTH - 3, y + 4);
  pen.fill();
}

// A canvas can't read a custom property that holds light-dark(): let an element resolve it.
function colours(place) {
  const probe = element("span");
  place.append(probe);
  const read = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const read_all = {
    bar: read("--bar"),
    guard: read("--kind-guard"),
    bridge: read("--link"),
    mark: read("--ink"),
  };
  probe.remove();
  return read_all;
}
