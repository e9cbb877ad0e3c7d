// The state of a trace's page, as its URL holds it.  Pure: strings in, strings out.

import { LEVELS } from "./rows.js";

const STANDARD = ["source", "bytecode", "resops"];

const listed = (text) => (text ? text.split(",") : []);

/** Read the state from a URL's query; calls are numbers, "all" stands for every inlined one. */
export function readState(search, inlined) {
  const query = new URLSearchParams(search);
  const levels = listed(query.get("show")).filter((level) => LEVELS.includes(level));
  const fold = query.get("fold");
  const folded =
    fold === "all"
      ? inlined
      : listed(fold)
          .map(Number)
          .filter((call) => Number.isSafeInteger(call));
  return {
    stage: query.get("stage"),
    levels: new Set(levels.length > 0 ? levels : STANDARD),
    folded: new Set(folded),
    parts: new Set(listed(query.get("parts"))),
    fails: query.get("fails") === "1",
    pinned: query.get("pin"),
  };
}

/** Write the state as a query, without what is standard; empty where everything is. */
export function writeState(state, inlined) {
  const query = new URLSearchParams();
  const levels = LEVELS.filter((level) => state.levels.has(level));
  if (state.stage) query.set("stage", state.stage);
  if (levels.join() !== STANDARD.join()) query.set("show", levels.join());
  const folded = [...state.folded].sort((one, other) => one - other);
  if (folded.length > 0) query.set("fold", isEvery(state.folded, inlined) ? "all" : folded.join());
  if (state.parts.size > 0) query.set("parts", [...state.parts].sort().join());
  if (state.fails) query.set("fails", "1");
  if (state.pinned) query.set("pin", state.pinned);
  const text = query.toString().replaceAll("%2C", ",");
  return text === "" ? "" : `?${text}`;
}

const isEvery = (folded, inlined) => inlined.length > 1 && inlined.every((call) => folded.has(call));

/** The op a URL's fragment names, or null. */
export function opOfHash(hash) {
  const match = /^#op-(\d+)$/.exec(hash);
  return match ? Number(match[1]) : null;
}

/** Switch one of a set's members; of the levels one stays. */
export function toggled(set, member, least = 0) {
  const next = new Set(set);
  if (!next.delete(member)) next.add(member);
  return next.size >= least ? next : set;
}
