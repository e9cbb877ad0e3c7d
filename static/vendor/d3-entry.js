// The names of d3 that the pages use; `npm run vendor` makes d3.js of them.
export { scaleLinear } from "d3-scale";
export { select } from "d3-selection";
