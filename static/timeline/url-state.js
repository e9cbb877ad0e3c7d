// The state of the picture, as its URL holds it.  Pure: strings in, strings out.

import { COLOUR_MODES } from "./colours.js";
import { GRAY_MODES } from "./dim.js";

export const VIEWS = ["time", "merged", "lines", "sandwich", "table"];
export const TRACKS = ["ribbon", "jit", "gc", "marks", "matches"];
export const BANDS = ["jit", "gc"];
export const SORTS = ["name", "total", "self", "calls", "largest"];

const listed = (text, allowed) => (text ?? "").split(",").filter((each) => allowed.includes(each));
const oneOf = (text, allowed) => (allowed.includes(text) ? text : allowed[0]);
const whole = (text) => (/^\d{1,15}$/.test(text ?? "") ? Number(text) : null);

function readSpan(text) {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(text ?? "");
  const [from, to] = match ? [Number(match[1]), Number(match[2])] : [0, 0];
  return to > from ? [from, to] : null;
}

function readCall(text) {
  const match = /^(\d{1,9})\.(exact|sampled)\.(\d{1,15})$/.exec(text ?? "");
  return match ? { thread: Number(match[1]), source: match[2], call: Number(match[3]) } : null;
}

function readSpot(text) {
  const match = /^(callers|callees)((?:\.-?\d{1,9}){1,200})$/.exec(text ?? "");
  return match ? { key: match[1], path: match[2].slice(1).split(".").map(Number) } : null;
}

function readEvent(text) {
  const match = /^([a-z ]{1,12})\.(\d{1,15})$/.exec(text ?? "");
  return match ? { kind: match[1], id: Number(match[2]) } : null;
}

/** Read the state from a URL's query; what is missing or makes no sense is as at first. */
export function readState(search) {
  const query = new URLSearchParams(search);
  return {
    view: oneOf(query.get("view"), VIEWS),
    at: readSpan(query.get("at")),
    inner: readSpan(query.get("in")),
    range: readSpan(query.get("range")),
    call: readCall(query.get("call")),
    event: readEvent(query.get("event")),
    of: query.get("of") === "-1" ? -1 : whole(query.get("of")),
    spot: readSpot(query.get("spot")),
    picked: whole(query.get("function")),
    thread: whole(query.get("thread")),
    filter: query.get("filter") ?? "",
    colour: oneOf(query.get("colour"), COLOUR_MODES),
    gray: new Set(listed(query.get("gray"), GRAY_MODES)),
    bands: new Set(listed(query.get("bands"), BANDS)),
    hidden: new Set(listed(query.get("hide"), TRACKS)),
    folded: new Set(
      (query.get("fold") ?? "")
        .split(",")
        .map(whole)
        .filter((each) => each !== null),
    ),
    sampled: new Set(
      (query.get("sampled") ?? "")
        .split(",")
        .map(whole)
        .filter((each) => each !== null),
    ),
    sort: oneOf(query.get("sort"), ["total", ...SORTS]),
    order: query.get("order") === "asc" ? "asc" : "desc",
    y: whole(query.get("y")) ?? 0,
  };
}

const span = (range) => (range ? `${Math.round(range[0])}-${Math.round(range[1])}` : null);
const sorted = (set) => [...set].sort((one, other) => (one < other ? -1 : 1)).join(",");

/** Write the state as a query, without what is as at first; empty where everything is. */
export function writeState(state) {
  const { call, event } = state;
  const parts = {
    view: state.view === VIEWS[0] ? null : state.view,
    at: span(state.at),
    in: span(state.inner),
    range: span(state.range),
    call: call && `${call.thread}.${call.source}.${call.call}`,
    event: event && `${event.kind}.${event.id}`,
    of: state.of === null ? null : String(state.of),
    spot: state.spot && [state.spot.key, ...state.spot.path].join("."),
    function: state.picked === null ? null : String(state.picked),
    thread: state.thread === null ? null : String(state.thread),
    filter: state.filter,
    colour: state.colour === COLOUR_MODES[0] ? null : state.colour,
    gray: sorted(state.gray),
    bands: sorted(state.bands),
    hide: sorted(state.hidden),
    fold: sorted(state.folded),
    sampled: sorted(state.sampled),
    sort: state.sort === "total" ? null : state.sort,
    order: state.order === "desc" ? null : state.order,
    y: state.y > 0 ? String(Math.round(state.y)) : null,
  };
  const query = new URLSearchParams(Object.entries(parts).filter(([, value]) => value));
  const text = query.toString().replaceAll("%2C", ",");
  return text === "" ? "" : `?${text}`;
}
