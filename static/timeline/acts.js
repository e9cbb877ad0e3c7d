// What each command of commands.js does to a page.

import { COLOUR_MODES } from "./colours.js";
import { panRange, zoomRange } from "./geometry.js";
import { VIEWS } from "./url-state.js";

const ZOOM_STEP = 1.6;
const PAN_STEP = 0.2;

const nextMode = (mode) => COLOUR_MODES[(COLOUR_MODES.indexOf(mode) + 1) % COLOUR_MODES.length];

/** The acts of a page by the names of their commands. */
export function commandsOf(page) {
  const zoom = (factor) => page.setRange(zoomRange(page.range, factor, zoomPoint(page), page.domain));
  const pan = (part) => page.setRange(panRange(page.range, part, page.domain));
  const view = (name) => () => page.setView(name);
  const { selection } = page;
  return {
    zoomIn: () => zoom(ZOOM_STEP),
    zoomOut: () => zoom(1 / ZOOM_STEP),
    panLeft: () => pan(-PAN_STEP),
    panRight: () => pan(PAN_STEP),
    zoomToCall: () => selection.zoom(),
    back: () => page.back(),
    wholeRun: () => page.wholeRun(),
    goUp: () => selection.go("parent", () => page.stage.pane.scrollBy(0, -64)),
    goDown: () => selection.go("first_child", () => page.stage.pane.scrollBy(0, 64)),
    goLeft: () => selection.go("previous", () => pan(-PAN_STEP)),
    goRight: () => selection.go("next", () => pan(PAN_STEP)),
    nextEvent: () => selection.stepEvent(true),
    previousEvent: () => selection.stepEvent(false),
    openEvent: () => selection.open(),
    copy: () => selection.copy(),
    filter: () => page.tools.field.select(),
    nextMatch: () => selection.step(true),
    previousMatch: () => selection.step(false),
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
