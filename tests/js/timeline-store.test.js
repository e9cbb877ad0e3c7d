import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeRows, rowObject, windowOf } from "../../static/timeline/columns.js";
import { fixedStore, windowStore } from "../../static/timeline/store.js";
import { rowByPath, treeRows } from "../../static/timeline/trees.js";

const DOMAIN = [0, 1000e6];

/** A server in the test's hand: requests wait until they are answered. */
function serverOfRequests(coarser = 1) {
  const requests = [];
  const fetch = (window, signal) =>
    new Promise((resolve, reject) => {
      const answer = () =>
        resolve({ ...window, resolution: window.resolution * coarser, length: 10, depths: 1 });
      signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      requests.push({ window, signal, answer, fail: reject });
    });
  const events = [];
  const store = windowStore({
    fetch,
    domain: DOMAIN,
    changed: () => events.push("changed"),
    failed: (fault) => events.push(fault.message),
  });
  return { requests, store, events, settle: () => new Promise(setImmediate) };
}

test("a store asks once, draws what is there meanwhile, and asks no more when it is fine enough", async () => {
  const { requests, store, events, settle } = serverOfRequests();
  assert.equal(store.ask(DOMAIN, 1000), true);
  store.ask(DOMAIN, 1000);
  assert.equal(requests.length, 1);
  assert.deepEqual(store.layers(DOMAIN, 1000), []);
  requests[0].answer();
  await settle();
  assert.deepEqual(events, ["changed"]);
  assert.equal(store.ask(DOMAIN, 1000), false);
  const near = [400e6, 410e6];
  assert.equal(store.ask(near, 1000), true);
  assert.equal(store.layers(near, 1000).length, 1);
  requests[1].answer();
  await settle();
  assert.deepEqual(store.layers(near, 1000)[0].resolution, requests[1].window.resolution);
  assert.equal(store.ask([400.5e6, 410.5e6], 1000), false);
});

test("a newer wish ends the older one, quietly", async () => {
  const { requests, store, events, settle } = serverOfRequests();
  store.ask([0, 10e6], 1000);
  store.ask([500e6, 510e6], 1000);
  assert.ok(requests[0].signal.aborted);
  requests[1].answer();
  await settle();
  assert.deepEqual(events, ["changed"]);
});

test("where the server gives less than was asked, a narrower window is asked for, and then it is enough", async () => {
  const { requests, store, settle } = serverOfRequests(4);
  const view = [400e6, 410e6];
  for (let i = 0; i < 2; i += 1) {
    store.ask(view, 1000);
    requests[i].answer();
    await settle();
  }
  const [wide, narrow] = requests.map(({ window }) => window.end - window.start);
  assert.ok(narrow < wide);
  assert.equal(store.ask(view, 1000), false);
});

test("a failure is told once and not asked for again", async () => {
  const { requests, store, events, settle } = serverOfRequests();
  store.ask(DOMAIN, 1000);
  requests[0].fail(new Error("refused"));
  await settle();
  assert.deepEqual(events, ["refused", "changed"]);
  store.ask(DOMAIN, 1000);
  assert.deepEqual(store.layers(DOMAIN, 1000), []);
});

test("a merged tree has its children below it, from its left", () => {
  const tree = {
    depth: [0, 1, 2, 1],
    function: [5, 6, 7, 8],
    total_ns: [100, 60, 10, 30],
    calls: [1, 2, 3, 4],
  };
  const rows = treeRows(tree);
  const columns = decodeRows(rows, windowOf({ start_ns: 0, end_ns: 100, resolution_ns: 1 }));
  assert.deepEqual([...columns.what], [5, 6, 8, 7]);
  assert.deepEqual([...columns.begin], [0, 0, 60, 0]);
  assert.deepEqual([...columns.count], [1, 2, 4, 3]);
  assert.equal(fixedStore(columns).layers()[0], columns);
});

test("a path of functions leads to its row of a merged tree, or to none", () => {
  const tree = {
    depth: [0, 1, 2, 1, 2],
    function: [5, 6, 7, 8, 7],
    total_ns: [100, 60, 10, 30, 20],
    calls: [1, 2, 3, 4, 5],
  };
  const columns = decodeRows(treeRows(tree), windowOf({ start_ns: 0, end_ns: 100, resolution_ns: 1 }));
  const found = (...path) => rowObject(columns, rowByPath(columns, path));
  assert.equal(found(5, 6, 7).duration, 10);
  assert.equal(found(5, 8, 7).duration, 20);
  assert.equal(found(5).count, 1);
  assert.equal(rowByPath(columns, [5, 7]), -1);
  assert.equal(rowByPath(columns, []), -1);
});
