import assert from "node:assert/strict";
import { test } from "node:test";
import { callsMode, recordedMode } from "../../static/mode.js";

test("a run says how its calls were recorded", () => {
  assert.equal(callsMode({}), "calls sampled");
  assert.match(callsMode({ calls: "sampled", interval_s: 0.001 }), /^calls sampled every 1(\.00)?.ms$/);
  const slowed = callsMode({ interval_s: 0.001, later_interval_s: 0.004 });
  assert.match(slowed, /^calls sampled every 1(\.00)?.ms, later 4(\.00)?.ms$/);
  assert.match(callsMode({ calls: "exact", interval_s: 0 }), /changes what PyPy compiles/);
  assert.match(callsMode({ calls: "exact+c" }), /builtin/);
  assert.equal(callsMode({ calls: "off" }), callsMode({ interval_s: 0 }));
});

test("the head of every page says it in few words, and what is left out", () => {
  const plain = { calls: "sampled", interval_ns: 1e6, paused: false, filters: [] };
  assert.match(recordedMode(plain).text, /^calls sampled every 1(\.00)?.ms$/);
  assert.match(recordedMode(plain).title, /^How it was recorded: calls sampled every 1(\.00)?.ms\.$/);
  assert.match(recordedMode({ ...plain, later_interval_ns: 4e6 }).text, /^calls sampled every 1(\.00)?.ms$/);
  assert.match(
    recordedMode({ ...plain, later_interval_ns: 4e6 }).title,
    /every 1(\.00)?.ms, later 4(\.00)?.ms\.$/,
  );
  const unknown = { ...plain, interval_ns: null };
  assert.equal(recordedMode(unknown).text, "calls sampled");
  const less = { ...plain, calls: "exact", interval_ns: null, paused: true, filters: ["min_duration_ns"] };
  assert.equal(recordedMode(less).text, "exact calls, filtered, with pauses");
  assert.match(recordedMode(less).title, /changes what PyPy compiles.*--min-duration\..*paused/);
  assert.equal(recordedMode({ ...plain, calls: "off", interval_ns: null }).text, "no calls recorded");
  assert.equal(
    recordedMode({ ...less, calls: "exact+c", filters: [] }).text,
    "exact calls, builtins too, with pauses",
  );
});
