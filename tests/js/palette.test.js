// Colours that can lie side by side stay apart for every kind of eye.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { lightness, pixelOf } from "../../static/timeline/palette.js";

const TOKENS = readFileSync(new URL("../../static/tokens.css", import.meta.url), "utf8");

// Linear RGB to linear RGB at full severity: Machado, Oliveira and Fernandes, "A Physiologically-based Model for
// Simulation of Color Vision Deficiency", IEEE TVCG 15 (6), 2009, table 1.
const EYES = {
  common: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (matrix, vector) =>
  matrix.map((row) => row.reduce((sum, each, i) => sum + each * vector[i], 0));

// OKLab: B. Ottosson, "A perceptual color space for image processing", 2020.  One step that can just be seen is some 0.02.
const TO_LMS = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const TO_LAB = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];

const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);

function labOf(colour, eye) {
  const rgb = [1, 3, 5].map((at) => linear(Number.parseInt(colour.slice(at, at + 2), 16) / 255));
  const seen = times(EYES[eye], rgb).map((part) => Math.min(1, Math.max(0, part)));
  return times(TO_LAB, times(TO_LMS, seen).map(Math.cbrt));
}

const distance = (one, other, eye) =>
  Math.hypot(...labOf(one, eye).map((part, i) => part - labOf(other, eye)[i]));

/** A token's colour, light or dark. */
function token(name, theme) {
  const [, light, dark] = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(TOKENS);
  return theme === "light" ? light : dark;
}

/** The ratio of contrast of WCAG 2.2. */
function contrast(one, other) {
  const [low, high] = [one, other]
    .map((colour) => [1, 3, 5].map((at) => linear(Number.parseInt(colour.slice(at, at + 2), 16) / 255)))
    .map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b)
    .sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function tooNear(names, least) {
  const found = [];
  for (const theme of ["light", "dark"])
    for (const eye of Object.keys(EYES))
      for (const [i, one] of names.entries())
        for (const other of names.slice(i + 1)) {
          const apart = distance(token(one, theme), token(other, theme), eye);
          if (apart < least) found.push(`${theme}, ${eye}: ${one} and ${other} ${apart.toFixed(3)}`);
        }
  return found;
}

test("the distance is that of OKLab, and the eyes see as they should", () => {
  assert.ok(Math.abs(distance("#000000", "#ffffff", "common") - 1) < 1e-6);
  assert.ok(distance("#ff0000", "#00ff00", "common") > 3 * distance("#c00000", "#607000", "protan"));
  for (const eye of Object.keys(EYES)) assert.ok(distance("#808080", "#808080", eye) === 0);
});

test("the states of the ribbon stay apart under the common colour blindnesses", () => {
  const states = ["interpreted", "jitted", "blackhole", "tracing", "gc", "native"].map(
    (each) => `state-${each}`,
  );
  assert.deepEqual(tooNear([...states, "call-dim"], 0.09), []);
});

for (const [track, kinds] of Object.entries({
  JIT: ["tracing", "optimising", "backend"],
  GC: ["minor", "major-step", "major"],
  marks: ["mark", "span"],
}))
  test(`events of the track ${track} stay apart under the common colour blindnesses`, () => {
    assert.deepEqual(tooNear([...kinds.map((kind) => `event-${kind}`), "paper"], 0.08), []);
  });

test("calls of different hues stay apart under the common colour blindnesses, and their names can be read", () => {
  const hues = Array.from({ length: 8 }, (_, i) => `call-${i + 1}`);
  assert.deepEqual(tooNear(hues, 0.055), []);
  const [, darkInk] = /--label-dark: (#\w{6})/.exec(TOKENS);
  const [, lightInk] = /--label-light: (#\w{6})/.exec(TOKENS);
  for (const theme of ["light", "dark"])
    for (const hue of hues) {
      const colour = token(hue, theme);
      const label = lightness(pixelOf(colour)) > 0.5 ? darkInk : lightInk;
      assert.ok(contrast(colour, label) >= 4.5, `${theme} ${hue}: ${contrast(colour, label)}`);
    }
});
