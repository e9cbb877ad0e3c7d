// The calls: blocks of rows on one canvas that is never larger than what is seen of it, texts and marks on another.

import { element, fill } from "../element.js";
import { rowColours } from "./colours.js";
import { firstAfter, rowObject, rowsOf } from "./columns.js";
import { blockHeight, layoutBlocks, placeAt, ROW, rowTop } from "./geometry.js";
import { drawBands, drawDepths, drawLabels, drawMarks } from "./overlay.js";
import { drawPauses } from "./pauses.js";
import { paintRows, pixelsOf, rowAt } from "./raster.js";
import { pathAt, rowByPath } from "./trees.js";

// The canvas may not have more pixels than this at a side; no screen has.
const MOST_PIXELS = 16_000;
// How near to a call, in pixels, the pointer counts as on it.
const REACH = 1.5;
// What a scrollbar takes where none has been seen yet.
const SCROLLBAR = 15;

/**
 * Make the pane that blocks are drawn in.
 *
 * A block is {key, title, note, depths, folded, upward, parts: [{first, depths, store, offset}], fold or null}; its
 * rows of `first` and deeper are in `store` from the column depth `offset` on.  Blocks of one `group` share columns.
 */
export function stage(gutter) {
  const picture = element("canvas", { class: "picture" });
  const overlay = element("canvas", { class: "overlay", "aria-hidden": "true" });
  picture.style.left = `${gutter}px`;
  const glass = element("div", { class: "glass" }, picture, overlay);
  const sizer = element("div", { class: "sizer" });
  const empty = element("p", { class: "nothing", hidden: true });
  const pane = element(
    "div",
    {
      class: "pane",
      id: "calls",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "time line",
      "aria-label": "Calls over time",
      "aria-describedby": "calls-help",
    },
    glass,
    sizer,
    empty,
  );
  let blocks = [];
  let tops = [];
  let image = null;
  let pixels = null;
  let seen = [];
  const size = { width: 0, height: 0, ratio: 1 };
  // Both are kept, since to ask the pane for them in the middle of a frame makes the browser lay the page out.
  let scrolled = 0;
  let measured = false;
  let scrollbar = 0;
  new ResizeObserver(() => {
    measured = false;
  }).observe(pane);
  pane.addEventListener(
    "scroll",
    () => {
      scrolled = pane.scrollTop;
    },
    { passive: true },
  );

  function measure() {
    if (measured && size.ratio === Math.min(window.devicePixelRatio || 1, 3)) return;
    measured = true;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    // While the table stands in the pane's place, what is above it keeps the width it has with the pane.
    const wide = pane.clientWidth || pane.parentElement.clientWidth - (scrollbar || SCROLLBAR);
    if (pane.clientWidth > 0) scrollbar = pane.offsetWidth - pane.clientWidth;
    const width = Math.max(1, Math.min(wide - gutter, MOST_PIXELS / ratio));
    const height = Math.max(1, Math.min(pane.clientHeight, MOST_PIXELS / ratio));
    if (width === size.width && height === size.height && ratio === size.ratio) return;
    Object.assign(size, { width, height, ratio });
    resize(picture, width, height, ratio);
    resize(overlay, width + gutter, height, ratio);
    image = new ImageData(picture.width, picture.height);
    pixels = new Uint32Array(image.data.buffer);
  }

  /** Put blocks into the pane; what was scrolled to stays. */
  function show(next) {
    blocks = next;
    const layout = layoutBlocks(blocks);
    tops = layout.tops;
    sizer.style.height = `${layout.height + ROW}px`;
    fill(sizer, blocks.map(header));
    scrolled = pane.scrollTop;
  }

  function header(block, i) {
    const title = element("span", { class: "title" }, block.title);
    const made = element(
      "div",
      { class: "block-head" },
      block.fold
        ? element(
            "button",
            {
              class: "plain",
              type: "button",
              "data-key": `fold ${block.key}`,
              "aria-expanded": String(!block.folded),
              onclick: block.fold,
            },
            title,
          )
        : title,
      element("span", { class: "soft" }, block.note),
      block.extra,
    );
    made.style.top = `${tops[i]}px`;
    made.style.height = `${blockHeight({ ...block, folded: true })}px`;
    return made;
  }

  /** The rows in sight: {block, part, depth, top}. */
  function findRows() {
    seen = [];
    for (const [i, block] of blocks.entries()) {
      if (block.folded || tops[i] - scrolled > size.height) continue;
      for (const part of block.parts) {
        for (let depth = part.first; depth < part.first + part.depths; depth += 1) {
          const top = rowTop(block, tops[i], depth) - scrolled;
          if (top + ROW > 0 && top < size.height) seen.push({ block, part, depth, top });
        }
      }
    }
    return seen;
  }

  function colouring(columns, block, paint) {
    const group = block.group ?? block.key;
    if (columns.painted !== paint || columns.paintedFor !== group) {
      columns.colours = rowColours(columns, paint.look(block), paint.lit(block));
      columns.painted = paint;
      columns.paintedFor = group;
    }
    return { columns, colours: columns.colours };
  }

  function draw(scene) {
    const { range, paint, palette } = scene;
    pixels.fill(palette.paper);
    const scale = { from: range[0], perNs: (size.width * size.ratio) / (range[1] - range[0]) };
    const edges = {
      top: 0,
      bottom: image.height,
      gap: Math.max(1, Math.round(size.ratio)),
      paper: palette.paper,
    };
    const layersOf = new Map();
    for (const { block, part, depth, top } of findRows()) {
      if (!layersOf.has(part)) {
        layersOf.set(
          part,
          part.store.layers(range, size.width).map((columns) => colouring(columns, block, paint)),
        );
      }
      const y = Math.round(top * size.ratio);
      const row = {
        depth: depth - part.first + part.offset,
        y,
        height: Math.round((top + ROW) * size.ratio) - y,
      };
      paintRows(pixels, image.width, layersOf.get(part), scale, [row], edges);
    }
    picture.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
    drawOverlay(scene);
  }

  function drawOverlay(scene) {
    const context = overlay.getContext("2d");
    context.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    context.clearRect(0, 0, size.width + gutter, size.height);
    context.font = scene.font;
    drawDepths(context, seen, gutter, scene.palette);
    context.save();
    context.beginPath();
    context.rect(gutter, 0, size.width, size.height);
    context.clip();
    context.translate(gutter, 0);
    const places = placesOfBlocks();
    for (const { block, ...place } of places)
      drawPauses(context, scene.pausesOf(block), place, scene, size.width);
    drawBands(context, places, scene, size.width);
    drawLabels(context, boxesInSight(scene.range, 18), scene, size);
    drawMarks(context, scene, size, placeOf);
    context.restore();
  }

  /** Where the rows of blocks are that stand in sight: {block, top, height}. */
  function placesOfBlocks() {
    return blocks
      .map((block, i) => ({ block, top: rowTop({ ...block, upward: false }, tops[i], 0) - scrolled }))
      .map(({ block, top }) => ({ block, top, height: Math.max(1, block.depths) * ROW }))
      .filter(({ block, top, height }) => !block.folded && top < size.height && top + height > 0);
  }

  /** What is drawn, as boxes in pixels: those at least `least` wide. */
  function* boxesInSight(range, least = 0) {
    const perNs = size.width / (range[1] - range[0]);
    const layersOf = new Map();
    for (const { block, part, depth, top } of seen) {
      if (!layersOf.has(part)) layersOf.set(part, part.store.layers(range, size.width));
      const layers = layersOf.get(part);
      for (const [i, columns] of layers.entries()) {
        const line = depth - part.first + part.offset;
        if (!(columns.longest[line] * perNs >= least)) continue;
        const above = layers.slice(i + 1);
        const [, end] = rowsOf(columns, line);
        let row = firstAfter(columns, line, range[0]);
        for (; row < end && columns.begin[row] < range[1]; row += 1) {
          const width = columns.duration[row] * perNs;
          const start = columns.begin[row];
          if (width < least || start + columns.duration[row] < range[0]) continue;
          if (above.some((each) => start >= each.start && start < each.end)) continue;
          yield { block, depth, top, columns, row, x: (columns.begin[row] - range[0]) * perNs, width };
        }
      }
    }
  }

  /** Where a call is drawn: {top, height} in the pane, null where it isn't. */
  function placeOf({ key, depth }) {
    const i = blocks.findIndex((block) => block.key === key);
    if (i < 0 || blocks[i].folded) return null;
    return { top: rowTop(blocks[i], tops[i], depth) - scrolled, height: ROW - 1 };
  }

  return {
    pane,
    picture,
    size,
    measure,
    show,
    draw,
    boxesInSight,
    get blocks() {
      return blocks;
    },
    /** Say in place of a picture why there is none; null takes that away. */
    say(text) {
      empty.hidden = text === null;
      empty.textContent = text ?? "";
    },
    /** The blocks that have rows in sight. */
    blocksInSight: () => placesOfBlocks().map(({ block }) => block),
    /** What the rows in sight are drawn from. */
    storesInSight: () => new Set(findRows().map(({ part }) => part.store)),
    /** The row under a point of the picture: {block, columns, row, …}, or null. */
    hit(x, y, range) {
      const place = placeAt(y + scrolled, blocks, tops);
      if (place === null || place.depth < 0) return null;
      const block = blocks[place.block];
      const part = block.parts.find(
        (each) => place.depth >= each.first && place.depth < each.first + each.depths,
      );
      const scale = { from: range[0], perNs: (size.width * size.ratio) / (range[1] - range[0]) };
      const pixel = x * size.ratio;
      for (const columns of part?.store.layers(range, size.width).reverse() ?? []) {
        const [left, right] = pixelsOf(columns, scale, picture.width);
        if (pixel < left || pixel >= right) continue;
        const i = rowAt(columns, place.depth - part.first + part.offset, scale, pixel, REACH * size.ratio);
        return i < 0 ? null : { ...rowObject(columns, i), key: block.key, block, depth: place.depth };
      }
      return null;
    },
    /** The block at a height of the picture, or null. */
    blockAt(y) {
      const place = placeAt(y + scrolled, blocks, tops);
      return place === null ? null : blocks[place.block];
    },
    /** Where merged calls of a thread show those that functions led to, the outermost first; null where nowhere. */
    rowOfPath(thread, path, key = `t${thread}`) {
      const block = blocks.find((each) => each.key === key && each.thread === thread);
      const [columns] = block?.parts[0]?.store.layers() ?? [];
      const i = columns ? rowByPath(columns, path) : -1;
      return i < 0 ? null : { ...rowObject(columns, i), key: block.key };
    },
    /** The functions that lead to a row of merged calls: in a sandwich from its middle outwards. */
    pathTo({ key, depth, start, duration }) {
      const [columns] = blocks.find((each) => each.key === key).parts[0].store.layers();
      return pathAt(columns, depth, start + duration / 2);
    },
    /** Scroll to the head of a block. */
    revealBlock(key) {
      const i = blocks.findIndex((block) => block.key === key);
      if (i >= 0) pane.scrollTop = tops[i];
    },
    /** Scroll so that a depth of a block is in sight. */
    reveal(key, depth) {
      const i = blocks.findIndex((block) => block.key === key);
      if (i < 0) return;
      const top = rowTop(blocks[i], tops[i], depth);
      const [first, last] = [pane.scrollTop, pane.scrollTop + size.height - 2 * ROW];
      if (top < first + ROW || top > last) pane.scrollTop = Math.max(0, top - size.height * 0.4);
    },
  };
}

/** Give a canvas its size in CSS pixels and as many pixels of its own as the screen has there. */
export function resize(canvas, width, height, ratio) {
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}
