// What mouse, wheel and fingers do to the picture.

import { pointer, select, zoom, zoomIdentity } from "../vendor/d3.js";

// A press that moves less is a click.
const CLICK_PX = 5;
const REST_MS = 400;
// One notch of a wheel, of some 100 px, zooms by a half; a pinch, of some 5 px an event, by little each.
const ZOOM_PER_PX = 0.006;
const MOST_PX = 100;
const LEAST_SPAN_NS = 1000;

/**
 * Listen to the stage.
 *
 * `acts` are: domain(), range(), look(range, {moving}), ended(), point(place or null), rest(place), choose(place), dive(place),
 * measure({from, to, y} or null).  A place is {x, y} in the picture.  Returns {sync()}, to call when the range
 * changed otherwise.
 */
export function gestures({ pane, picture, size }, acts) {
  let own = false;
  const behaviour = zoom()
    .clickDistance(CLICK_PX)
    .filter((event) => {
      if (event.type === "wheel") return event.ctrlKey || event.metaKey;
      return (
        !event.button && !event.shiftKey && !event.altKey && !(event.ctrlKey && event.type === "mousedown")
      );
    })
    .wheelDelta((event) => {
      const pixels = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
      return -Math.max(-MOST_PX, Math.min(MOST_PX, pixels)) * ZOOM_PER_PX;
    })
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
    acts.look(rangeOf(transform), { moving: true });
    const y = sourceEvent?.type.endsWith("move") ? heightOf(sourceEvent) : null;
    if (y !== null && dragY !== null) pane.scrollTop -= y - dragY;
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
  listenToWheel(pane, size, acts);
  listenToPointer(picture, acts);
  listenToMeasure(picture, size, acts);
  return { sync };
}

/** Where a mouse or the one finger is; null for two fingers, which zoom. */
function heightOf(event) {
  if (!event?.touches) return event?.clientY ?? null;
  return event.touches.length === 1 ? event.touches[0].clientY : null;
}

function listenToWheel(pane, size, acts) {
  pane.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey) return;
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (sideways === 0) return;
      if (event.shiftKey) event.preventDefault();
      const [from, to] = acts.range();
      const by = (sideways / size.width) * (to - from);
      acts.look([from + by, to + by], { moving: true });
      acts.ended();
    },
    { passive: false },
  );
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
