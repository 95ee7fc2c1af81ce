import assert from "node:assert/strict";
import { test } from "node:test";
import { centered, fitted, panned, pixelAt, seen, zoomed } from "../../../../../serving/gateway/page/src/viewer/geometry.ts";
import { pixels } from "./examples.ts";

const canvas = { width: 400, height: 400 };

test("an image of 200 x 100 fits a canvas of 400 x 400 at scale 2, in the middle", () => {
  assert.deepEqual(fitted(pixels(), canvas), { scale: 2, x: 0, y: 100 });
});

test("rows twice as high as columns are wide fill the canvas", () => {
  assert.deepEqual(fitted(pixels({ aspect: 2 }), canvas), { scale: 2, x: 0, y: 0 });
});

test("zooming leaves the point under the pointer where it is", () => {
  const before = { scale: 2, x: 0, y: 100 };
  const after = zoomed(before, 2, 50, 150);
  assert.deepEqual(after, { scale: 4, x: -50, y: 50 });
  assert.deepEqual(pixelAt(after, pixels(), 50, 150), pixelAt(before, pixels(), 50, 150));
});

test("zooming stops at both ends", () => {
  assert.equal(zoomed({ scale: 30, x: 0, y: 0 }, 10, 0, 0).scale, 40);
  assert.equal(zoomed({ scale: 0.03, x: 0, y: 0 }, 0.1, 0, 0).scale, 0.02);
});

test("an image cannot be moved off the canvas", () => {
  const moved = panned({ scale: 2, x: 0, y: 100 }, 5000, -5000, pixels(), canvas);
  assert.deepEqual(moved, { scale: 2, x: 360, y: -160 });
});

test("the pixel under a point, and none outside", () => {
  const view = { scale: 2, x: 0, y: 100 };
  assert.deepEqual(pixelAt(view, pixels(), 0, 100), { column: 0, row: 0 });
  assert.deepEqual(pixelAt(view, pixels(), 399, 299), { column: 199, row: 99 });
  assert.equal(pixelAt(view, pixels(), 400, 150), null);
  assert.equal(pixelAt(view, pixels(), 10, 99), null);
  assert.deepEqual(pixelAt({ scale: 2, x: 0, y: 0 }, pixels({ aspect: 2 }), 10, 10), { column: 5, row: 2 });
});

test("of an image that is larger than the canvas only a part is seen", () => {
  assert.deepEqual(seen({ scale: 4, x: -100, y: 0 }, pixels(), canvas), { left: 25, top: 0, right: 125, bottom: 100 });
  assert.deepEqual(seen({ scale: 1, x: 10, y: 10 }, pixels(), canvas), { left: 0, top: 0, right: 200, bottom: 100 });
});

test("one to one lies on whole pixels of the canvas", () => {
  assert.deepEqual(centered(pixels(), { width: 401, height: 301 }, 1), { scale: 1, x: 101, y: 101 });
});
