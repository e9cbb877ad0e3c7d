// Every key of the time line, once: the handlers and the sheet of keys are made from this table.  Pure.
//
// `keys` are what is typed.  `codes` are places on the keyboard, for W A S D to lie together where what is typed there
// means nothing else.

export const COMMANDS = [
  { group: "Move", name: "zoomIn", codes: ["KeyW"], keys: ["w", "+", "="], shown: "W + =", does: "zoom in" },
  { group: "Move", name: "zoomOut", codes: ["KeyS"], keys: ["s", "-"], shown: "S -", does: "zoom out" },
  { group: "Move", name: "panLeft", codes: ["KeyA"], keys: ["a"], shown: "A", does: "earlier" },
  { group: "Move", name: "panRight", codes: ["KeyD"], keys: ["d"], shown: "D", does: "later" },
  {
    group: "Move",
    name: "zoomToCall",
    keys: ["f", "Enter"],
    shown: "F Enter",
    does: "zoom to the selected call, or the selected time",
  },
  {
    group: "Move",
    name: "back",
    keys: ["Escape", "Backspace"],
    shown: "Esc Backspace",
    does: "one step back; Esc takes a card away first",
  },
  { group: "Move", name: "wholeRun", keys: ["0", "Home"], shown: "0 Home", does: "the whole run" },
  {
    group: "Select",
    name: "goUp",
    keys: ["ArrowUp"],
    shown: "↑",
    does: "the caller; without selection, scroll",
  },
  { group: "Select", name: "goDown", keys: ["ArrowDown"], shown: "↓", does: "the first call in it" },
  { group: "Select", name: "goLeft", keys: ["ArrowLeft"], shown: "←", does: "the call before; else earlier" },
  { group: "Select", name: "goRight", keys: ["ArrowRight"], shown: "→", does: "the call after; else later" },
  {
    group: "Select",
    name: "nextEvent",
    keys: ["."],
    shown: ".",
    does: "next event of JIT, GC or the program",
  },
  { group: "Select", name: "previousEvent", keys: [","], shown: ",", does: "previous event" },
  { group: "Select", name: "openEvent", keys: ["o"], shown: "O", does: "open the event's or call's trace" },
  {
    group: "Select",
    name: "copy",
    keys: ["Control+c", "Meta+c"],
    shown: "Ctrl-C Cmd-C",
    does: "copy name and place of the selected call",
  },
  {
    group: "Find",
    name: "filter",
    keys: ["/", "Control+f", "Meta+f"],
    shown: "/ Ctrl-F Cmd-F",
    does: "to the filter box",
  },
  { group: "Find", name: "nextMatch", keys: ["n"], shown: "N", does: "next match; Enter in the box" },
  {
    group: "Find",
    name: "previousMatch",
    keys: ["N"],
    shown: "Shift-N",
    does: "previous match; Shift-Enter in the box",
  },
  {
    group: "Gray out",
    name: "grayInside",
    keys: ["i"],
    shown: "I",
    does: "all but what the selected call calls",
  },
  {
    group: "Gray out",
    name: "graySame",
    keys: ["e"],
    shown: "E",
    does: "all but calls of the same function",
  },
  { group: "Gray out", name: "grayClass", keys: ["k"], shown: "K", does: "all outside its class" },
  { group: "Gray out", name: "grayModule", keys: ["m"], shown: "M", does: "all outside its module" },
  { group: "Gray out", name: "grayPackage", keys: ["p"], shown: "P", does: "all outside its package" },
  { group: "Gray out", name: "grayNothing", keys: ["r"], shown: "R", does: "nothing" },
  { group: "View", name: "viewTime", keys: ["1"], shown: "1", does: "in the order of time" },
  { group: "View", name: "viewMerged", keys: ["2"], shown: "2", does: "merged, the heaviest left" },
  { group: "View", name: "viewLines", keys: ["3"], shown: "3", does: "one function per line" },
  { group: "View", name: "viewSandwich", keys: ["4"], shown: "4", does: "callers and callees of a function" },
  { group: "View", name: "viewTable", keys: ["5"], shown: "5", does: "table" },
  { group: "View", name: "nextColour", keys: ["c"], shown: "C", does: "next colouring" },
  { group: "View", name: "bandsJit", keys: ["j"], shown: "J", does: "JIT work as bands over the calls" },
  { group: "View", name: "bandsGc", keys: ["g"], shown: "G", does: "GC as bands over the calls" },
  { group: "View", name: "help", keys: ["?"], shown: "?", does: "this sheet" },
];

/** What the mouse and fingers do; for the sheet only. */
export const GESTURES = [
  ["Ctrl- or Cmd-wheel, pinch", "zoom at the pointer"],
  ["wheel", "scroll through the depth"],
  ["wheel sideways, Shift-wheel", "move through time"],
  ["drag, one finger", "move the picture"],
  ["drag in the ruler or the overview", "select a time: lists and totals are of it alone"],
  ["drag the overview's lens, click beside it", "move or change what is in view"],
  ["drag in the ruler of merged calls", "zoom to it"],
  ["click on JIT work or an abort", "open its trace or the abort"],
  ["Shift-drag", "measure"],
  ["click, double click; tap, two taps", "select a call, zoom to it"],
  ["rest on a call", "a card with its times"],
];

const byKey = new Map(COMMANDS.flatMap(({ name, keys = [] }) => keys.map((key) => [key, name])));
const byCode = new Map(COMMANDS.flatMap(({ name, codes = [] }) => codes.map((code) => [code, name])));

/** The name of the command that a key event means, or null. */
export function commandOf({ key, code, ctrlKey, metaKey, altKey }) {
  if (altKey) return null;
  if (ctrlKey || metaKey) return byKey.get(`${ctrlKey ? "Control" : "Meta"}+${key}`) ?? null;
  return byKey.get(key) ?? byKey.get(lower(key)) ?? byCode.get(code) ?? byKey.get(latin(key, code)) ?? null;
}

const lower = (key) => (key.length === 1 ? key.toLowerCase() : key);

/** The letter at a place of the keyboard, where another script's is typed there. */
const latin = (key, code) =>
  key.charCodeAt(0) > 127 ? /^Key([A-Z])$/.exec(code)?.[1].toLowerCase() : undefined;

/** The keys of a command as the sheet shows them. */
export const keysOf = (name) => COMMANDS.find((each) => each.name === name)?.shown ?? "";
