import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../static/format.js";

test("what isn't known is never written as a number", () => {
  for (const write of [
    format.count,
    format.duration,
    format.bytes,
    format.share,
    format.moment,
    format.exit,
    format.hex,
  ]) {
    assert.equal(write(null), format.NOT_KNOWN);
  }
  assert.equal(format.counted(null, "run"), "runs not known");
});

test("durations keep three digits in a fitting unit", () => {
  const cases = [
    [0, "0 s"],
    [7, "7 ns"],
    [999, "999 ns"],
    [1_000, "1.00 µs"],
    [12_345, "12.3 µs"],
    [999_400, "999 µs"],
    [999_600, "1.00 ms"],
    [42_000_000, "42.0 ms"],
    [999_600_000, "1.00 s"],
    [59_900_000_000, "59.9 s"],
    [59_990_000_000, "1 min 00 s"],
    [125_000_000_000, "2 min 05 s"],
    [3_725_000_000_000, "1 h 2 min 05 s"],
  ];
  for (const [ns, text] of cases) assert.equal(format.duration(ns), text);
});

test("counts are grouped by thousands", () => {
  assert.equal(format.count(0), "0");
  assert.equal(format.count(999), "999");
  assert.equal(format.count(58556), "58\u202f556");
  assert.equal(format.count(1234567), "1\u202f234\u202f567");
  assert.equal(format.counted(1, "guard"), "1 guard");
  assert.equal(format.counted(2, "patch", "patches"), "2 patches");
});

test("bytes go up in units of 1024", () => {
  const cases = [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.00 KiB"],
    [1536, "1.50 KiB"],
    [1024 ** 2 - 1, "1.00 MiB"],
    [123 * 1024 ** 2, "123 MiB"],
    [5000 * 1024 ** 4, "5000 TiB"],
  ];
  for (const [size, text] of cases) assert.equal(format.bytes(size), text);
});

test("a share that is there is never rounded to nothing", () => {
  assert.equal(format.share(0), "0 %");
  assert.equal(format.share(0.0001), "< 0.1 %");
  assert.equal(format.share(0.0123), "1.2 %");
  assert.equal(format.share(0.0996), "10 %");
  assert.equal(format.share(1), "100 %");
});

test("a command is quoted as a shell wants it", () => {
  assert.equal(
    format.commandLine(["prog.py", "--n=3", "a b", "it's", ""]),
    "prog.py --n=3 'a b' 'it'\\''s' ''",
  );
});

test("an exit names its signal", () => {
  assert.equal(format.exit({ status: 3, signal: null }), "status 3");
  assert.equal(format.exit({ status: null, signal: 9 }), "killed by SIGKILL (9)");
  assert.equal(format.exit({ status: null, signal: 64 }), "killed by signal 64");
  assert.equal(format.exit({ status: null, signal: null }), format.NOT_KNOWN);
});

test("moments, places and offsets", () => {
  assert.equal(format.moment("2026-11-22T18:00:00.123456Z"), "2026-11-22 18:00:00 UTC");
  assert.equal(format.place("/home/me/prog.py", 29), "prog.py:29");
  assert.equal(format.place("/home/me/prog.py", null), "prog.py");
  assert.equal(format.place(null, 29), "");
  assert.equal(format.longPlace("/home/me/prog.py", 29), "/home/me/prog.py:29");
  assert.equal(format.longPlace(null, null), "");
  assert.equal(format.hex(255), "0xff");
});
