// What the picture is drawn from: the server's answers as stores and blocks.

import { fetchTimeline } from "../api.js";
import * as format from "../format.js";
import { decodeRows, windowOf } from "./columns.js";
import { eventRows } from "./events.js";
import { windowOfParts } from "./matches.js";
import { fixedStore, windowStore } from "./store.js";
import { treeRows } from "./trees.js";
import { countedCalls } from "./words.js";

// The server answers with 20,000 rows at most; of sixteen depths at a time that is fine enough in all but the
// densest places.
const DEPTHS_AT_ONCE = 16;
// As many as the overview has pixels.
const OVERVIEW_DEPTHS = 48;
// Functions whose calls are asked for in one request, of the 200 that the server takes.
const LINES_AT_ONCE = 40;
const MATCHES_AT_ONCE = 200;
const MOST_LINES = 400;
export const MOST_FUNCTIONS_TO_FIND = 2000;

/** Make the data of a run; `changed` is told when something came, `failed(fault)` when something didn't. */
export function timelineData(run, info, { changed, failed }) {
  const domain = [info.start_ns, Math.max(info.end_ns, info.start_ns + 1)];
  const stores = new Map();

  function kept(key, fetch) {
    if (!stores.has(key)) stores.set(key, windowStore({ fetch, domain, changed, failed }));
    return stores.get(key);
  }

  const ask = (parts, parameters, signal) => fetchTimeline(run, parts, parameters, signal);
  const asked = ({ start, end, width }) => ({ start, end, width });

  /** The calls of a thread, in parts of some depths each. */
  function callParts(thread, source, depths) {
    const parts = [];
    for (let first = 0; first < depths; first += DEPTHS_AT_ONCE) {
      const some = { depth: first, depths: Math.min(DEPTHS_AT_ONCE, depths - first) };
      const store = kept(`calls ${thread} ${source} ${first}`, async (window, signal) => {
        const answer = await ask(["timeline"], { thread, source, ...asked(window), ...some }, signal);
        return decodeRows(answer.rows, windowOf(answer));
      });
      parts.push({ first, depths: some.depths, store, offset: first });
    }
    return parts;
  }

  /** The lines of functions: chunks of them share a store, since one request answers for many. */
  function lineParts(thread, source, ids) {
    const chosen = ids.slice(0, MOST_LINES);
    const parts = new Map();
    for (let at = 0; at < chosen.length; at += LINES_AT_ONCE) {
      const some = chosen.slice(at, at + LINES_AT_ONCE).sort((one, other) => one - other);
      const names = some.join(",");
      const store = kept(`lines ${thread} ${source} ${names}`, async (window, signal) => {
        const wanted = { thread, source, function: names, ...asked(window) };
        const answer = await ask(["calls", "of"], wanted, signal);
        const depth = answer.rows.function.map((id) => some.indexOf(id));
        return decodeRows({ ...answer.rows, depth }, windowOf(answer));
      });
      for (const [offset, id] of some.entries()) parts.set(id, { first: 0, depths: 1, store, offset });
    }
    return chosen.map((id) => [id, parts.get(id)]);
  }

  /** The calls of functions together, for the lane of matches; kept by whoever asks, since each filter has others. */
  function matched(thread, source, ids) {
    const chunks = [];
    for (let at = 0; at < ids.length; at += MATCHES_AT_ONCE) chunks.push(ids.slice(at, at + MATCHES_AT_ONCE));
    const fetchSome = async (some, window, signal) => {
      const wanted = { thread, source, function: some.join(","), ...asked(window) };
      const answer = await ask(["calls", "of"], wanted, signal);
      return decodeRows({ ...answer.rows, depth: ranksOf(answer.rows.function) }, windowOf(answer));
    };
    const fetch = async (window, signal) =>
      windowOfParts(await Promise.all(chunks.map((some) => fetchSome(some, window, signal))));
    return windowStore({ fetch, domain, changed, failed });
  }

  return {
    domain,
    callParts,
    lineParts,
    matched,
    /** The calls of a thread for the overview, on their own: another window must not end the asking for it. */
    overview: (thread, source, depths) =>
      kept(`overview ${thread} ${source}`, async (window, signal) => {
        const wanted = { thread, source, ...asked(window), depths: Math.min(depths, OVERVIEW_DEPTHS) };
        const answer = await ask(["timeline"], wanted, signal);
        return decodeRows(answer.rows, windowOf(answer));
      }),
    events: (process) =>
      process in info.processes
        ? kept(`events ${process}`, async (window, signal) => {
            const answer = await ask(["events"], { process, ...asked(window) }, signal);
            return decodeRows(eventRows(answer.tracks), windowOf(answer));
          })
        : NO_EVENTS,
    /** The event after or before a place, {direction, start_ns, from_kind, from_id}; null at the end. */
    findEvent: async (process, kinds, place) =>
      eventOfAnswer(await ask(["events", "find"], { process, kind: kinds.join(","), ...place })),
    /** The event of a kind with a number, or null. */
    event: async (process, kind, id) => eventOfAnswer(await ask(["events", "one"], { process, kind, id })),
    states: (thread) =>
      kept(`states ${thread}`, async (window, signal) => {
        const answer = await ask(["states"], { thread, ...asked(window) }, signal);
        const mostMemory = answer.memory.reduce((most, bytes) => Math.max(most, bytes), -1);
        return { ...windowOf(answer), length: answer.samples.length, answer, mostMemory };
      }),
    /** The calls of a thread merged by their path: {store, depths, total}. */
    async merged(thread, source, range, signal) {
      const wanted = { thread, source, width: 8192, ...spanOf(range) };
      const answer = await ask(["left-heavy"], wanted, signal);
      const columns = decodeRows(answer.rows, {
        start: 0,
        end: answer.end_ns,
        resolution: answer.resolution_ns,
      });
      return { store: fixedStore(columns), depths: answer.depths, total: answer.end_ns };
    },
    /** Callers and callees of a function: {callers, callees, total, …}, each {store, depths}. */
    async sandwich(thread, source, of, range, signal) {
      const wanted = { thread, source, function: of, ...spanOf(range) };
      const answer = await ask(["sandwich"], wanted, signal);
      return { ...answer, callers: treeOf(answer.callers), callees: treeOf(answer.callees) };
    },
    /** Totals of one thread's functions in a range. */
    totals: (thread, source, range, signal) => ask(["totals"], { thread, source, ...spanOf(range) }, signal),
    call: (thread, source, call) => ask(["calls", String(call)], { thread, source }),
    find: (thread, source, functions, place) =>
      ask(["find"], { thread, source, function: functions.join(","), ...place }),
    /** The functions from the outermost call down to a call. */
    path: async (thread, source, call) =>
      (await ask(["calls", String(call), "path"], { thread, source })).functions,
    mark: async (id) =>
      (await ask(["marks"], { limit: 1, offset: id })).marks.find((each) => each.id === id) ?? null,
    get busy() {
      return [...stores.values()].some((store) => store.busy);
    },
  };
}

/** Number what stands in runs of equals: 0 for the first, 1 for the next. */
function ranksOf(values) {
  let rank = 0;
  return values.map((value, i) => {
    if (i > 0 && value !== values[i - 1]) rank += 1;
    return rank;
  });
}

const NO_EVENTS = fixedStore(decodeRows(eventRows({}), { start: 0, end: 1, resolution: 1 }));

const eventOfAnswer = ({ event }) =>
  event && {
    kind: event.kind,
    id: event.id,
    start: event.start_ns,
    duration: event.duration_ns,
    count: 1,
    busy: event.duration_ns,
  };

const spanOf = (range) => (range ? { start: Math.floor(range[0]), end: Math.ceil(range[1]) } : {});

function treeOf(tree) {
  const rows = treeRows(tree);
  const total = tree.total_ns[0] ?? 0;
  const columns = decodeRows(rows, { start: 0, end: Math.max(1, total), resolution: 1 });
  columns.call.fill(-1);
  return { store: fixedStore(columns), depths: columns.depths };
}

const NO_SUM = {
  calls: 0,
  total: 0,
  self: 0,
  largest: -1,
  call: null,
  interpreted: 0,
  jitted: 0,
};

/**
 * Sum the totals of several threads: function -> {calls, total, self, largest, call, thread, source, interpreted,
 * jitted, compiled}.
 *
 * Times interpreted and jitted are null where one of the threads has exact calls: those of the others aren't those of
 * all.
 */
export function sumTotals(answers) {
  const sums = new Map();
  for (const { thread, source, functions: rows } of answers) {
    rows.function.forEach((id, i) => {
      if (rows.calls[i] === 0 && rows.total_ns[i] === 0) return;
      const sum = sums.get(id) ?? { ...NO_SUM, compiled: rows.compiled_ns[i] };
      sum.calls += rows.calls[i];
      sum.total += rows.total_ns[i];
      sum.self += rows.self_ns[i];
      for (const part of ["interpreted", "jitted"])
        if (rows[part].length === 0) sum[part] = null;
        else if (sum[part] !== null) sum[part] += (rows.self_ns[i] * rows[part][i]) / 1000;
      if (rows.largest_call[i] >= 0 && rows.largest_ns[i] > sum.largest) {
        Object.assign(sum, { largest: rows.largest_ns[i], call: rows.largest_call[i], thread, source });
      }
      sums.set(id, sum);
    });
  }
  return sums;
}

/** What a thread is called. */
export function threadTitle(thread, processes) {
  const name = thread.name ?? `thread ${thread.native_id}`;
  if (processes.length < 2) return name;
  return `${name}, process ${processes[thread.process]?.pid ?? thread.process}`;
}

/** A thread's source in words. */
export function sourceNote({ source, calls, depths }, interval) {
  const many = countedCalls(calls, source);
  const edges =
    source === "sampled" && interval ? `, from samples: edges known to ${format.duration(interval)}` : "";
  return `${many}, ${format.counted(depths, "level")} deep${edges}`;
}
