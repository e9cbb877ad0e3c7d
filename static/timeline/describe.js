// The picture as data, since nobody can ask a canvas what is on it.

import { EVENT_KINDS } from "./filter.js";
import { pausesIn } from "./pauses.js";

const MOST_ROWS = 5000;

const placeOf = (drawn) =>
  drawn && { key: drawn.key, depth: drawn.depth, start: drawn.start, duration: drawn.duration };

/** Tell what a page shows: its ranges, blocks, boxes in sight, selection, events. */
export function describePicture(page, { colour }) {
  const { stage, state } = page;
  const boxes = [];
  for (const { block, depth, top, columns, row, x, width } of stage.boxesInSight(page.range)) {
    if (boxes.length >= MOST_ROWS) break;
    boxes.push({
      block: block.key,
      depth,
      name: page.nameOf(columns.what[row]),
      call: columns.call[row],
      count: columns.count[row],
      busy: columns.busy[row],
      start: columns.begin[row],
      duration: columns.duration[row],
      x,
      y: top,
      width,
      colour: columns.colours ? colour(columns.colours[row]) : null,
    });
  }
  const events = page.data.events(page.process).layers(page.views.ranges.time, stage.size.width).at(-1);
  return {
    settled: page.chart.dataset.settled === "true",
    view: state.view,
    colouring: state.colour,
    range: [...page.range],
    domain: [...page.domain],
    chosen: state.range,
    width: stage.size.width,
    height: stage.size.height,
    blocks: stage.blocks.map(({ key, title, depths, folded, source }) => ({
      key,
      title,
      depths,
      folded: Boolean(folded),
      source,
    })),
    boxes,
    overview: page.drawing.overview().map(({ block }) => block.thread),
    dim: colour(page.palette.dim),
    paper: colour(page.palette.paper),
    selected: page.selection.call && {
      ...page.selection.call,
      name: page.nameOf(page.selection.call.what),
      around: undefined,
    },
    event: page.selection.event,
    drawn: placeOf(page.selection.drawn()),
    pointed: page.pointing.row && {
      name: page.nameOf(page.pointing.row.what),
      call: page.pointing.row.call,
      count: page.pointing.row.count,
    },
    measured: page.measured,
    matches: page.matchLane.describe(),
    pauses: pausesIn(page.processOf(page.thread?.id).paused, page.views.ranges.time, stage.size.width),
    zooms: page.zooms.map(({ name }) => name),
    bands: [...state.bands],
    gray: [...state.gray],
    hidden: [...state.hidden],
    scrolled: stage.pane.scrollTop,
    of: page.selection.of,
    events: events
      ? Array.from({ length: events.length }, (_, i) => ({
          kind: EVENT_KINDS[events.what[i]],
          id: events.call[i],
          start: events.begin[i],
          duration: events.duration[i],
          count: events.count[i],
        })).slice(0, MOST_ROWS)
      : [],
  };
}
