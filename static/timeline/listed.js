// What the table lists: the functions that the filter leaves, in the selected time.

import { cssOf } from "./palette.js";

/** What a page's table is to show: {rows, sort, order, selected, nothing}, for table.js. */
export function listedIn(page) {
  const { looks, selection, state, sums } = page;
  const test = looks.matcher.functions;
  const rows = [...sums.all]
    .map(([id, sum]) => ({ each: page.functionOf(id), sum }))
    .filter(({ each }) => !test || test(each))
    .map(({ each, sum }) => ({
      each,
      sum,
      lit: looks.isLit(each.id),
      colour: cssOf(looks.colourOf(each.id)),
    }));
  const { sort, order } = state;
  return { rows, sort, order, selected: selection.anchor?.id ?? null, nothing: whyNone(sums, state) };
}

/** Why there are no rows; null while that isn't known. */
function whyNone(sums, { range }) {
  if (sums.asked) return null;
  if (sums.all.size > 0) return "No function matches the filter.";
  return range ? "No function was called in the selected time." : "No function was recorded.";
}
