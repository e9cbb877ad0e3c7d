// What keys, hands and the bar above the picture do to a page.

import { COLOUR_MODES } from "./colours.js";
import { panRange, zoomRange } from "./geometry.js";
import { VIEWS } from "./url-state.js";

const ZOOM_STEP = 1.6;
const PAN_STEP = 0.2;
const SCROLL_PX = 64;

const nextMode = (mode) => COLOUR_MODES[(COLOUR_MODES.indexOf(mode) + 1) % COLOUR_MODES.length];

/** The acts of a page by the names of the commands of commands.js. */
export function commandsOf(page) {
  const zoom = (factor) => page.setRange(zoomRange(page.range, factor, zoomPoint(page), page.domain));
  const pan = (part) => page.setRange(panRange(page.range, part, page.domain));
  const view = (name) => () => page.setView(name);
  const { selection } = page;
  const isTable = () => page.state.view === "table";
  const event = (forward) => () => selection.stepping.queue(() => selection.stepping.event(forward));
  const vertical = (where, by) => () =>
    isTable()
      ? selection.stepRow(by)
      : selection.go(where, () => page.stage.pane.scrollBy(0, by * SCROLL_PX));
  return {
    zoomIn: () => zoom(ZOOM_STEP),
    zoomOut: () => zoom(1 / ZOOM_STEP),
    panLeft: () => pan(-PAN_STEP),
    panRight: () => pan(PAN_STEP),
    zoomToCall: () => selection.zoom(),
    back: () => page.back(),
    wholeRun: () => page.ways.whole(),
    goUp: vertical("parent", -1),
    goDown: vertical("first_child", 1),
    goLeft: () => selection.go("previous", () => pan(-PAN_STEP)),
    goRight: () => selection.go("next", () => pan(PAN_STEP)),
    nextEvent: event(true),
    previousEvent: event(false),
    openEvent: () => selection.open(),
    copy: () => selection.copy(),
    filter: () => page.tools.field.select(),
    nextMatch: () => page.step(true),
    previousMatch: () => page.step(false),
    grayInside: () => page.looks.gray("inside"),
    graySame: () => page.looks.gray("same"),
    grayClass: () => page.looks.gray("class"),
    grayModule: () => page.looks.gray("module"),
    grayPackage: () => page.looks.gray("package"),
    grayNothing: () => page.looks.gray(null),
    viewTime: view(VIEWS[0]),
    viewMerged: view(VIEWS[1]),
    viewLines: view(VIEWS[2]),
    viewSandwich: view(VIEWS[3]),
    viewTable: view(VIEWS[4]),
    nextColour: () => page.setColour(nextMode(page.state.colour)),
    bandsJit: () => page.toggle("bands", "jit"),
    bandsGc: () => page.toggle("bands", "gc"),
    help: () => page.help.showModal(),
  };
}

/** Keys zoom at the pointer; where it is elsewhere, at the selected call if that is in view, else at the middle. */
function zoomPoint(page) {
  const [from, to] = page.range;
  const pointed = page.pointing.time();
  if (pointed !== null) return pointed;
  const call = page.selection.drawn();
  const middle = call ? call.start + call.duration / 2 : Number.NaN;
  return middle >= from && middle <= to ? middle : (from + to) / 2;
}

/** What the hand does to a page, for gestures.js. */
export const gesturesOf = (page) => ({
  domain: () => page.domain,
  range: () => page.range,
  isMoved: () => page.state.view !== "table",
  look: (range) => {
    page.drawing.moved();
    page.card.hide();
    page.pointing.quiet();
    page.look(range);
  },
  ended: () => page.ended(),
  point: (place) => page.pointing.point(place),
  over: (x) => page.pointing.over(x),
  rest: (place) => page.pointing.rest(place).catch((fault) => page.pointing.refuse(fault)),
  choose: (place) => page.selection.run(page.selection.clickAt(place)),
  dive: (place) => page.selection.diveAt(place),
  measure: (measured) => {
    page.measured = measured;
    page.drawing.schedule();
  },
});

/** What the bar above the picture does to a page, for toolbar.js. */
export const toolsOf = (page) => ({
  view: (view) => page.setView(view),
  colour: (colour) => page.setColour(colour),
  gray: (mode) => page.looks.gray(mode),
  band: (band) => page.toggle("bands", band),
  track: (track) => page.toggle("hidden", track),
  thread: (id) => page.setThread(id),
  filter: (text) => page.looks.setFilter(text),
  step: (forward) => page.step(forward),
  leave: () => page.focusView(),
  help: () => page.help.showModal(),
});
