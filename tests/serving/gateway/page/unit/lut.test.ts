import assert from "node:assert/strict";
import { test } from "node:test";
import { draggedWindow, grayTable, pixelTable, rangeWindow, valueRange, windowed } from "../../../../../serving/gateway/page/src/viewer/lut.ts";
import { presets, sameWindow } from "../../../../../serving/gateway/page/src/viewer/presets.ts";
import { pixels } from "./examples.ts";

const window = (center: number, width: number) => ({ center, width, explanation: "" });

test("a window is DICOM's LINEAR: PS3.3 C.11.2.1.2.1, center 2048, width 4096", () => {
  // The standard's own example: 0 becomes black and 4095 white.
  assert.equal(windowed(0, window(2048, 4096)), 0);
  assert.equal(windowed(4095, window(2048, 4096)), 1);
  assert.ok(Math.abs(windowed(2047.5, window(2048, 4096)) - 0.5) < 1e-12);
});

test("a window of width 1 is a threshold half a value below its center", () => {
  assert.equal(windowed(9.5, window(10, 1)), 0);
  assert.equal(windowed(9.6, window(10, 1)), 1);
});

test("a width below 1, which LINEAR does not have, is LINEAR_EXACT", () => {
  assert.equal(windowed(0.25, window(0.5, 0.5)), 0);
  assert.equal(windowed(0.5, window(0.5, 0.5)), 0.5);
  assert.equal(windowed(0.75, window(0.5, 0.5)), 1);
});

test("the table applies slope and intercept, and turns the grays around where it is inverted", () => {
  const ct = pixels({ slope: 2, intercept: -1000, unit: "HU" });
  const table = grayTable(ct, window(0.5, 101), false); // black up to -50 HU, white from 50 HU on
  assert.deepEqual([table[475], table[500], table[525], table[0], table[65535]], [0, 128, 255, 0, 255]);
  const inverted = grayTable(ct, window(0.5, 101), true);
  assert.deepEqual([inverted[475], inverted[525]], [255, 0]);
});

test("pixels of the canvas are opaque and gray, little endian", () => {
  const bytes = new Uint8Array(pixelTable(new Uint8Array([0, 128, 255])).buffer);
  assert.deepEqual([...bytes], [0, 0, 0, 255, 128, 128, 128, 255, 255, 255, 255, 255]);
});

test("the window of a range is black at its lowest and white at its highest value", () => {
  const full = rangeWindow(100, 355, "");
  assert.equal(windowed(100, full), 0);
  assert.equal(windowed(355, full), 1);
  const narrow = rangeWindow(0.2, 0.8, "");
  assert.ok(windowed(0.2, narrow) < 1e-9);
  assert.ok(windowed(0.8, narrow) > 1 - 1e-9);
});

test("an image of one value alone has a window all the same", () => {
  assert.ok(rangeWindow(7, 7, "").width > 0);
});

test("the range is in the unit, also where the slope is negative", () => {
  assert.deepEqual(valueRange(pixels({ slope: -2, intercept: 10 }), [1, 5, 3]), [0, 8]);
});

test("a drag to the right widens, and downwards raises the center, by the window's own size", () => {
  // 600 pixels are twice the width, or once the center's way: 60 of 600 at a width of 1000.
  assert.deepEqual(draggedWindow(window(500, 1000), 60, 0, [0, 4096], false), window(500, 1200));
  assert.deepEqual(draggedWindow(window(500, 1000), 0, 60, [0, 4096], false), window(600, 1000));
});

test("of an inverted image a drag downwards lowers the center, so that it is darker as well", () => {
  assert.deepEqual(draggedWindow(window(500, 1000), 0, 60, [0, 4096], true), window(400, 1000));
});

test("a drag ends where something of the image's values is seen", () => {
  // Between a 250th and twice the range; the center a quarter of the width beyond the values at most.
  assert.equal(draggedWindow(window(500, 1000), -6000, 0, [0, 4000], false).width, 16);
  assert.equal(draggedWindow(window(500, 1000), 6000, 0, [0, 4000], false).width, 8000);
  assert.equal(draggedWindow(window(500, 1000), -6000, 0, [0, 100], false).width, 1);
  assert.deepEqual(draggedWindow(window(500, 1000), 0, 6000, [0, 4000], false), window(4250, 1000));
  assert.deepEqual(draggedWindow(window(500, 1000), 0, 6000, [0, 4000], true), window(-250, 1000));
});

test("a file's window far off its values is not moved by a drag that does not move it, nor further away", () => {
  assert.deepEqual(draggedWindow(window(9000, 20000), 0, 0, [0, 100], false), window(9000, 20000));
  assert.deepEqual(draggedWindow(window(9000, 10), 0, 600, [0, 100], false), window(9000, 10));
});

test("presets are the file's windows, the full range and for Hounsfield units the organs", () => {
  const own = pixels({ windows: [{ center: 40, width: 350, explanation: "ABDOMEN" }, window(1, 2)], unit: "HU" });
  const names = presets(own, [0, 100]).map((preset) => preset.explanation);
  assert.deepEqual(names.slice(0, 5), ["ABDOMEN", "File's window 2", "Full range", "Soft tissue", "Lung"]);
  assert.equal(presets(pixels(), [0, 100]).length, 1);
  assert.deepEqual(presets(pixels({ samples: 3 }), [0, 255]), []);
  assert.ok(sameWindow(window(1, 2), { center: 1, width: 2, explanation: "else" }));
});
