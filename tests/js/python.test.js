import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonTokens } from "../../static/python.js";

const kinds = (line) =>
  pythonTokens(line)
    .filter(({ kind }) => kind !== "space")
    .map(({ kind, text }) => `${kind} ${text}`);

test("the tokens put together are the line", () => {
  const lines = [
    "",
    "    for step in range(n):  # twice",
    "x = 'it\\'s' + \"a#b\" + f'{y}' if 0x1F else 1_000.5e-3j",
    "'never closed",
    '"""doc',
    '"\\',
    "naïve = \u{1F600} ? $ ` \\",
    "<script>alert(1)</script>",
    "\t\u00a0x",
  ];
  for (const line of lines)
    assert.equal(
      pythonTokens(line)
        .map(({ text }) => text)
        .join(""),
      line,
    );
});

test("keywords, names and definitions are told apart", () => {
  assert.deepEqual(kinds("def push(self): return form"), [
    "keyword def",
    "definition push",
    "operator (",
    "name self",
    "operator )",
    "operator :",
    "keyword return",
    "name form",
  ]);
});

test("a hash in a string begins no comment", () => {
  assert.deepEqual(kinds("'a#b' # c"), ["string 'a#b'", "comment # c"]);
});

test("a character outside the basic plane stays whole", () => {
  assert.deepEqual(kinds("\u{1F600}"), ["operator \u{1F600}"]);
});

test("a long hostile line takes no longer than its length asks for", () => {
  const line = `${'"\\'.repeat(20_000)}${"(".repeat(20_000)}`;
  assert.equal(
    pythonTokens(line)
      .map(({ text }) => text)
      .join(""),
    line,
  );
});
