// The ruler: times, and dragging over them to select a range.

import { element } from "../element.js";
import { axisTop, pointer, scaleLinear, select } from "../vendor/d3.js";
import { baseText, rulerOf, tickText } from "./ticks.js";

const HEIGHT = 24;
// A tick nearer to the edge would be written over the round time that stands there.
const BASE_PX = 26;
const END_PX = 10;
// A press that moves less is a click.
const CLICK_PX = 5;

export const SELECTS = "drag to select a time";
export const ZOOMS = "drag to zoom";

/** Make the ruler; `actions` are choose(range or null) and ended(). */
export function ruler(gutter, actions) {
  const base = element("span", { class: "ruler-base soft" });
  const root = element("div", { class: "ruler", title: SELECTS }, base);
  const svg = select(root).append("svg").attr("height", HEIGHT).attr("aria-hidden", "true");
  svg.style("left", `${gutter}px`);
  const shade = svg.append("rect").attr("class", "chosen").attr("height", HEIGHT);
  const axis = svg.append("g").attr("transform", `translate(0,${HEIGHT - 0.5})`);
  const scale = scaleLinear();
  let unit = 1;
  let zero = 0;

  const timeAt = (x) => zero + scale.invert(x) * unit;
  drag(svg.node(), timeAt, actions);

  return {
    element: root,
    /**
     * Draw the ruler of a range over a width, of null no ruler; `chosen` is the selected range or null, `purpose` what
     * dragging is for.
     */
    draw(range, width, chosen, purpose = SELECTS) {
      svg.style("visibility", range ? null : "hidden");
      root.title = range ? purpose : "";
      if (!range) base.textContent = "";
      if (!range) return;
      const found = rulerOf(range);
      [unit, zero] = [found.unit.ns, found.base];
      scale.domain(range.map((time) => (time - zero) / unit)).range([0, width]);
      const ticks = scale.ticks(Math.max(2, width / 110));
      const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
      svg.attr("width", width);
      base.textContent = baseText(zero);
      axis.call(
        axisTop(scale)
          .tickValues(ticks)
          .tickFormat((value) => (isClear(scale(value), zero, width) ? tickText(value, step, found) : ""))
          .tickSize(5)
          .tickPadding(3),
      );
      axis.attr("font-family", null).attr("font-size", null);
      const inside = (time) => Math.min(width, Math.max(0, scale((time - zero) / unit)));
      const [left, right] = chosen ? chosen.map(inside) : [0, 0];
      shade.attr("x", left).attr("width", Math.max(0, right - left));
    },
  };
}

/** Tell whether a tick's text has room: not over the round time at the left, nor over the edge at the right. */
const isClear = (x, zero, width) => (zero === 0 || x >= BASE_PX) && x <= width - END_PX;

/** Let one drag over an element; a click without moving takes the selection away. */
function drag(node, timeAt, { choose, ended }) {
  let from = null;
  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = pointer(event, node)[0];
    node.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  node.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const to = pointer(event, node)[0];
    if (Math.abs(to - from) >= CLICK_PX) choose([from, to].sort((a, b) => a - b).map(timeAt));
  });
  node.addEventListener("pointerup", (event) => {
    if (from === null) return;
    if (Math.abs(pointer(event, node)[0] - from) < CLICK_PX) choose(null);
    from = null;
    ended();
  });
  node.addEventListener("pointercancel", () => {
    from = null;
  });
}
