// The names of d3 that the pages use; `npm run vendor` makes d3.js of them.
export { axisTop } from "d3-axis";
export { brushX } from "d3-brush";
export { rgb } from "d3-color";
export { interpolateRgb } from "d3-interpolate";
export { scaleLinear, scaleLog, scaleSqrt } from "d3-scale";
export { pointer, select } from "d3-selection";
export { area, line } from "d3-shape";
export { zoom, zoomIdentity, zoomTransform } from "d3-zoom";
