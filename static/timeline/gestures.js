// What mouse, wheel and fingers do to the picture.

import { pointer, select, zoom, zoomIdentity } from "../vendor/d3.js";
import { zoomRange } from "./geometry.js";

// A press that moves less is a click.
const CLICK_PX = 5;
const REST_MS = 400;
// One notch of a wheel, of some 100 px, zooms by a half; a pinch, of some 5 px an event, by little each.
const ZOOM_PER_PX = 0.006;
const MOST_PX = 100;
const LEAST_SPAN_NS = 1000;

/**
 * Listen to the stage, and to the chart around it, where ruler, tracks and overview stand on the same scale.
 *
 * `acts` are: domain(), range(), isMoved() (whether there is a picture to move), look(range), ended(), point(place or null),
 * over(x or null), rest(place), choose(place), dive(place), measure({from, to, y} or null).  A place is {x, y} in the
 * picture.  Returns {sync()}, to call when the range changed otherwise.
 */
export function gestures({ picture, size }, chart, acts) {
  let own = false;
  const behaviour = zoom()
    .clickDistance(CLICK_PX)
    .filter((event) => {
      if (event.type === "wheel") return event.ctrlKey || event.metaKey;
      return (
        !event.button && !event.shiftKey && !event.altKey && !(event.ctrlKey && event.type === "mousedown")
      );
    })
    .wheelDelta(wheelPower)
    .extent(() => [
      [0, 0],
      [size.width, size.height],
    ]);

  let dragY = null;
  behaviour.on("start", ({ sourceEvent }) => {
    dragY = heightOf(sourceEvent);
  });
  behaviour.on("zoom", ({ transform, sourceEvent }) => {
    if (own) return;
    acts.look(rangeOf(transform));
    const y = sourceEvent?.type.endsWith("move") ? heightOf(sourceEvent) : null;
    if (y !== null && dragY !== null) picture.closest(".pane").scrollTop -= y - dragY;
    dragY = y;
  });
  behaviour.on("end", () => {
    if (!own) acts.ended();
  });

  function rangeOf({ x, k }) {
    const [first, last] = acts.domain();
    const perPx = (last - first) / k / size.width;
    return [first - x * perPx, first + (size.width - x) * perPx];
  }

  function sync() {
    const [first, last] = acts.domain();
    const [from, to] = acts.range();
    const k = (last - first) / (to - from);
    const x = (-(from - first) / (last - first)) * size.width * k;
    own = true;
    behaviour.scaleExtent([1, Math.max(1, (last - first) / LEAST_SPAN_NS)]).translateExtent([
      [0, Number.NEGATIVE_INFINITY],
      [size.width, Number.POSITIVE_INFINITY],
    ]);
    select(picture).call(behaviour.transform, zoomIdentity.translate(x, 0).scale(k));
    own = false;
  }

  select(picture).call(behaviour).on("dblclick.zoom", null);
  listenToWheel(chart, picture, size, acts);
  listenToPlace(chart, picture, size, acts);
  listenToPointer(picture, acts);
  listenToMeasure(picture, size, acts);
  return { sync };
}

/** Where a mouse or the one finger is; null for two fingers, which zoom. */
function heightOf(event) {
  if (!event?.touches) return event?.clientY ?? null;
  return event.touches.length === 1 ? event.touches[0].clientY : null;
}

/** By which power of two a turn of the wheel zooms. */
function wheelPower(event) {
  const pixels = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
  return -Math.max(-MOST_PX, Math.min(MOST_PX, pixels)) * ZOOM_PER_PX;
}

function listenToWheel(chart, picture, size, acts) {
  const turned = (event) => {
    if (!acts.isMoved()) return;
    const range = event.ctrlKey || event.metaKey ? zoomed(event) : moved(event);
    if (range === null) return;
    acts.look(range);
    acts.ended();
  };
  const zoomed = (event) => {
    // Over the calls d3's own zoom does it, which knows of fingers too.
    if (event.target === picture) return null;
    event.preventDefault();
    return zoomRange(acts.range(), 2 ** wheelPower(event), timeAt(event), acts.domain());
  };
  const moved = (event) => {
    const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
    if (sideways === 0) return null;
    if (event.shiftKey) event.preventDefault();
    const [from, to] = acts.range();
    const by = (sideways / size.width) * (to - from);
    return [from + by, to + by];
  };
  const timeAt = (event) => {
    const [from, to] = acts.range();
    const [first, last] = event.target.closest(".minimap") ? acts.domain() : [from, to];
    const time = first + (pointer(event, picture)[0] / size.width) * (last - first);
    return Math.min(to, Math.max(from, time));
  };
  chart.addEventListener("wheel", turned, { passive: false });
}

/** Tell where the pointer is on the scale of the picture, also over what stands above it. */
function listenToPlace(chart, picture, size, acts) {
  chart.addEventListener("pointermove", (event) => {
    const [x] = pointer(event, picture);
    const onScale = x >= 0 && x < size.width && !event.target.closest(".minimap, .table-pane");
    acts.over(onScale ? x : null);
  });
  chart.addEventListener("pointerleave", () => acts.over(null));
}

function listenToPointer(picture, acts) {
  let rest = 0;
  const place = (event) => {
    const [x, y] = pointer(event, picture);
    return { x, y, clientX: event.clientX, clientY: event.clientY };
  };
  picture.addEventListener("pointermove", (event) => {
    clearTimeout(rest);
    const at = place(event);
    acts.point(event.buttons ? null : at);
    if (!event.buttons) rest = setTimeout(() => acts.rest(at), REST_MS);
  });
  const leave = () => {
    clearTimeout(rest);
    acts.point(null);
  };
  picture.addEventListener("pointerleave", leave);
  picture.addEventListener("pointerdown", () => {
    clearTimeout(rest);
    picture.closest(".pane").focus({ preventScroll: true });
  });
  picture.addEventListener("click", (event) => {
    if (!event.shiftKey) acts.choose(place(event));
  });
  picture.addEventListener("dblclick", (event) => {
    if (!event.shiftKey) acts.dive(place(event));
  });
}

function listenToMeasure(picture, size, acts) {
  let start = null;
  const timeAt = (x) => {
    const [from, to] = acts.range();
    return from + (x / size.width) * (to - from);
  };
  picture.addEventListener("pointerdown", (event) => {
    if (!event.shiftKey || event.button !== 0) return;
    const [x, y] = pointer(event, picture);
    start = { x, y, from: timeAt(x) };
    picture.setPointerCapture(event.pointerId);
  });
  picture.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [x] = pointer(event, picture);
    if (Math.abs(x - start.x) >= CLICK_PX) acts.measure({ from: start.from, to: timeAt(x), y: start.y });
  });
  picture.addEventListener("pointerup", () => {
    start = null;
  });
}
