import assert from "node:assert/strict";
import { test } from "node:test";
import { coloured, inferno } from "../../../../../serving/gateway/page/src/viewer/inferno.ts";

// Entries 0, 51, 102, 153, 204 and 255 of Matplotlib 3.10's table, times 255.
const MATPLOTLIB = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];

test("colours are Matplotlib's, to 7 of 255", () => {
  MATPLOTLIB.forEach((expected, index) => {
    inferno(index / 5).forEach((band, at) => assert.ok(Math.abs(band - (expected[at] as number)) <= 7, `${index}`));
  });
});

test("a map lets all of the image through at 0 and three tenths at 1", () => {
  const out = coloured(new Uint8ClampedArray([0, 0, 0, 255, 255, 255, 255, 255]));
  assert.deepEqual([...out], [0, 0, 4, 0, 252, 255, 164, 179]);
});
