/** Windows on stored values, by lookup tables of one byte for each stored value. */

import type { Pixels, Window } from "../api/contract.ts";

/** How many stored values there can be. */
export function tableSize(pixels: Pixels): number {
  return pixels.dtype === "uint16" ? 65536 : 256;
}

/**
 * The gray of a value in its own unit, 0..1, after a window.
 *
 * DICOM PS3.3, C.11.2.1.2.1 (LINEAR), which asks for a width of at least 1; below that C.11.2.1.3.2 (LINEAR_EXACT), so
 * that values between 0 and 1 can be windowed too.
 */
export function windowed(value: number, window: Window): number {
  const { center, width } = window;
  if (width < 1) return clamp((value - center) / width + 0.5);
  if (width === 1) return value <= center - 0.5 ? 0 : 1;
  return clamp((value - (center - 0.5)) / (width - 1) + 0.5);
}

/** Grays (0..255) of all stored values; `inverted` shows the lowest white. */
export function grayTable(pixels: Pixels, window: Window, inverted: boolean): Uint8Array {
  const table = new Uint8Array(tableSize(pixels));
  for (let stored = 0; stored < table.length; stored++) {
    const gray = windowed(pixels.slope * stored + pixels.intercept, window);
    table[stored] = Math.round((inverted ? 1 - gray : gray) * 255);
  }
  return table;
}

/** The same as opaque pixels of a canvas: bytes R, G, B, A in memory. */
export function pixelTable(grays: Uint8Array): Uint32Array {
  const table = new Uint32Array(grays.length);
  for (let stored = 0; stored < grays.length; stored++) {
    const gray = grays[stored] ?? 0;
    table[stored] = (0xff000000 | (gray << 16) | (gray << 8) | gray) >>> 0;
  }
  return table;
}

/** The window that is black at the lowest value and white at the highest. */
export function rangeWindow(lowest: number, highest: number, explanation: string): Window {
  const width = highest - lowest;
  if (width < 1) return { center: (lowest + highest) / 2, width: width || 1e-6, explanation };
  return { center: (lowest + highest + 1) / 2, width: width + 1, explanation };
}

/** Lowest and highest value of a frame, in its unit. */
export function valueRange(pixels: Pixels, stored: ArrayLike<number>): [number, number] {
  let lowest = Infinity;
  let highest = -Infinity;
  for (let at = 0; at < stored.length; at++) {
    const value = stored[at] as number;
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  const ends = [lowest, highest].map((value) => pixels.slope * value + pixels.intercept) as [number, number];
  return ends[0] <= ends[1] ? ends : [ends[1], ends[0]];
}

/**
 * A window after a drag: to the right wider, downwards darker, as other viewers have it for images that are not inverted.
 *
 * It stays where something is seen: between a 250th and twice the range of the values, and with its middle half on one of
 * them. A file's own window that is further off is not moved by that, nor further away.
 *
 * @param right, down - pixels of the screen that the pointer went.
 * @param lowest, highest - of the image's own values, whose range the whole way over 600 pixels of the screen stands for.
 * @param inverted - whether the lowest value is shown white, so that a lower center is darker.
 */
export function draggedWindow(
  from: Window, right: number, down: number, [lowest, highest]: readonly [number, number], inverted: boolean,
): Window {
  const range = highest - lowest;
  const step = Math.max(from.width, range / 8) / 600;
  const smallest = range > 4 ? Math.max(1, range / 250) : Math.max(range / 1000, 1e-6);
  const width = within(from.width + right * step * 2, Math.min(smallest, from.width), Math.max(from.width, range * 2));
  const center = from.center + (inverted ? -down : down) * step;
  const [first, last] = [lowest - width / 4, highest + width / 4];
  return { center: within(center, Math.min(first, from.center), Math.max(last, from.center)), width, explanation: "" };
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
