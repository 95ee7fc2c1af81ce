/** A frame at half, a quarter, ... of its size, so that no more pixels are windowed than are seen. */

import type { Pixels } from "../api/contract.ts";

export type Stored = Uint8Array | Uint16Array;

export interface Level {
  /** Source columns and rows that one of its pixels stands for. */
  step: number;
  columns: number;
  rows: number;
  stored: Stored;
}

/** The bytes of a frame as stored values, row by row; 16 bits are little endian, as every browser's machine is. */
export function storedValues(pixels: Pixels, bytes: ArrayBuffer): Stored {
  const expected = pixels.rows * pixels.columns * pixels.samples * (pixels.dtype === "uint16" ? 2 : 1);
  if (bytes.byteLength !== expected) {
    throw new Error(`The frame has ${bytes.byteLength} bytes where ${expected} were expected.`);
  }
  return pixels.dtype === "uint16" ? new Uint16Array(bytes) : new Uint8Array(bytes);
}

/** The mean of each 2 x 2 pixels of one sample; a last odd column or row stands for itself. */
export function halved(level: Level): Level {
  const columns = Math.ceil(level.columns / 2);
  const rows = Math.ceil(level.rows / 2);
  const from = level.stored;
  const to = from instanceof Uint16Array ? new Uint16Array(columns * rows) : new Uint8Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const upper = 2 * row * level.columns;
    const lower = Math.min(2 * row + 1, level.rows - 1) * level.columns;
    for (let column = 0; column < columns; column++) {
      const left = 2 * column;
      const right = Math.min(left + 1, level.columns - 1);
      const sum = at(from, upper + left) + at(from, upper + right) + at(from, lower + left) + at(from, lower + right);
      to[row * columns + column] = (sum + 2) >> 2;
    }
  }
  return { step: level.step * 2, columns, rows, stored: to };
}

/** A frame's levels, made when they are first asked for. */
export class Pyramid {
  private readonly levels: Level[];

  constructor(pixels: Pixels, stored: Stored) {
    this.levels = [{ step: 1, columns: pixels.columns, rows: pixels.rows, stored }];
  }

  /** The coarsest level whose pixels are no larger than the canvas's, at `scale` canvas pixels a column. */
  at(scale: number): Level {
    let index = 0;
    while (scale * 2 ** (index + 1) <= 1.001 && this.size(index) > 64) index++;
    while (this.levels.length <= index) this.levels.push(halved(this.levels[this.levels.length - 1] as Level));
    return this.levels[index] as Level;
  }

  private size(index: number): number {
    const full = this.levels[0] as Level;
    return Math.min(full.columns, full.rows) / 2 ** index;
  }
}

function at(values: Stored, index: number): number {
  return values[index] as number;
}
