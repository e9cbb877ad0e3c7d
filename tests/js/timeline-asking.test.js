import assert from "node:assert/strict";
import { test } from "node:test";
import { turns } from "../../static/timeline/asking.js";
import { paintOrder } from "../../static/timeline/geometry.js";

const VIEW = [0, 1000];

/** A store that lacks something until it is satisfied, and is busy until it is answered. */
function storeOf(name, asked) {
  return {
    busy: false,
    lacks: true,
    ask(view, width) {
      if (!this.lacks) return false;
      asked.push([name, view, width]);
      this.busy = true;
      return true;
    },
  };
}

test("one request is under way at a time, and each store has its turn", () => {
  const asked = [];
  const [one, other] = [storeOf("one", asked), storeOf("other", asked)];
  const { ask } = turns();
  const wishes = [
    [one, VIEW, 100],
    [other, VIEW, 20],
  ];
  assert.equal(ask(wishes, 0), true);
  assert.equal(ask(wishes, 10), true);
  assert.deepEqual(asked, [["one", VIEW, 100]]);
  one.busy = false;
  ask(wishes, 20);
  ask(wishes, 80);
  assert.deepEqual(asked.at(-1), ["other", VIEW, 20]);
  other.busy = false;
  ask(wishes, 100);
  ask(wishes, 160);
  assert.deepEqual(
    asked.map(([name]) => name),
    ["one", "other", "one"],
  );
});

test("the asking pauses three times as long as the last answer took, but not long", () => {
  const asked = [];
  const store = storeOf("one", asked);
  const { ask } = turns();
  const wishes = [[store, VIEW, 100]];
  ask(wishes, 0);
  store.busy = false;
  assert.equal(ask(wishes, 50), true);
  ask(wishes, 199);
  assert.equal(asked.length, 1);
  ask(wishes, 200);
  assert.equal(asked.length, 2);
  store.busy = false;
  ask(wishes, 5000);
  ask(wishes, 5300);
  assert.equal(asked.length, 3);
});

test("nothing is asked for where nothing is lacking", () => {
  const asked = [];
  const store = storeOf("one", asked);
  store.lacks = false;
  assert.equal(turns().ask([[store, VIEW, 100]], 0), false);
  assert.deepEqual(asked, []);
});

test("windows that better ones hide aren't painted, those that fill a gap are", () => {
  const whole = { start: 0, end: 1000, resolution: 16 };
  const good = { start: 200, end: 700, resolution: 4 };
  const finer = { start: 300, end: 500, resolution: 2 };
  const aside = { start: 650, end: 800, resolution: 2 };
  assert.deepEqual(paintOrder([whole, good, finer, aside], [100, 900], 4), [whole, aside, good]);
  assert.deepEqual(paintOrder([whole, good, finer], [250, 600], 4), [good]);
});
