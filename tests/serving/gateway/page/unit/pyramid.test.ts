import assert from "node:assert/strict";
import { test } from "node:test";
import { Pyramid, halved, storedValues } from "../../../../../serving/gateway/page/src/viewer/pyramid.ts";
import { pixels } from "./examples.ts";

test("sixteen bits are little endian", () => {
  const bytes = new Uint8Array([1, 0, 0, 1]).buffer;
  assert.deepEqual([...storedValues(pixels({ rows: 1, columns: 2 }), bytes)], [1, 256]);
});

test("a frame of another size than said is refused", () => {
  assert.throws(() => storedValues(pixels({ rows: 1, columns: 2 }), new ArrayBuffer(3)), /3 bytes where 4 were expected/);
});

test("half the size is the mean of each four, and an odd end stands for itself", () => {
  const level = { step: 1, columns: 3, rows: 3, stored: new Uint16Array([0, 4, 10, 8, 12, 20, 7, 9, 65535]) };
  const half = halved(level);
  assert.deepEqual([half.step, half.columns, half.rows], [2, 2, 2]);
  assert.deepEqual([...half.stored], [6, 15, 8, 65535]); // (0+4+8+12)/4, (10+10+20+20)/4, (7+9+7+9)/4, itself
});

test("the level is the coarsest that still has a pixel for each of the screen", () => {
  const size = pixels({ rows: 2048, columns: 2048 });
  const pyramid = new Pyramid(size, new Uint16Array(2048 * 2048));
  assert.deepEqual([1, 0.6, 0.5, 0.3, 0.25, 4].map((scale) => pyramid.at(scale).step), [1, 1, 2, 2, 4, 1]);
});
