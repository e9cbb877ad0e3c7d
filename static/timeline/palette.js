// The colours of tokens.css as pixels and as texts for a canvas.

import { rgb } from "../vendor/d3.js";
import { EVENT_KINDS } from "./filter.js";
import { mix } from "./raster.js";

const HUES = 8;
// Each hue as it is, nearer to the paper and nearer to the ink: twenty-four colours that differ in hue and lightness.
const PALER = 0.64;
const DEEPER = 0.8;
const STATES = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native", "unknown"];

/** A CSS colour as a pixel. */
export function pixelOf(text) {
  const { r, g, b } = rgb(text);
  return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
}

/** A pixel as a CSS colour. */
export const cssOf = (pixel) =>
  `#${[0, 8, 16].map((shift) => ((pixel >>> shift) & 255).toString(16).padStart(2, "0")).join("")}`;

/** How light a pixel is, 0 to 1, near enough to choose a text's ink by. */
export const lightness = (pixel) =>
  (0.299 * (pixel & 255) + 0.587 * ((pixel >>> 8) & 255) + 0.114 * ((pixel >>> 16) & 255)) / 255;

/** Read the palette as it is under the theme of now. */
export function readPalette(place) {
  const probe = document.createElement("span");
  probe.className = "probe";
  place.append(probe);
  const css = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const pixel = (name) => pixelOf(css(name));
  const paper = pixel("paper");
  const ink = pixel("ink");
  const hues = Array.from({ length: HUES }, (_, i) => pixel(`call-${i + 1}`));
  const palette = {
    paper,
    ink,
    dim: pixel("call-dim"),
    faint: pixel("call-faint"),
    low: pixel("ramp-low"),
    high: pixel("ramp-high"),
    hues: Uint32Array.from([
      ...hues,
      ...hues.map((hue) => mix(hue, paper, PALER)),
      ...hues.map((hue) => mix(hue, ink, DEEPER)),
    ]),
    states: Uint32Array.from(STATES, (state) => pixel(state === "unknown" ? "call-dim" : `state-${state}`)),
    events: Uint32Array.from(EVENT_KINDS, (kind) => pixel(`event-${kind.replace(" ", "-")}`)),
    css: Object.fromEntries(
      [
        "paper",
        "ink",
        "ink-soft",
        "ink-faint",
        "rule",
        "rule-soft",
        "focus",
        "memory",
        "label-dark",
        "label-light",
      ].map((name) => [name, css(name)]),
    ),
  };
  probe.remove();
  return palette;
}

export { STATES };
