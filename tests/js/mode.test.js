import assert from "node:assert/strict";
import { test } from "node:test";
import { callsMode } from "../../static/mode.js";

test("a run says how its calls were recorded", () => {
  assert.equal(callsMode({}), "calls sampled");
  assert.match(callsMode({ calls: "sampled", interval_s: 0.001 }), /^calls sampled every 1(\.00)?.ms$/);
  assert.match(callsMode({ calls: "exact", interval_s: 0 }), /changes what PyPy compiles/);
  assert.match(callsMode({ calls: "exact+c" }), /builtin/);
  assert.equal(callsMode({ calls: "off" }), callsMode({ interval_s: 0 }));
});
