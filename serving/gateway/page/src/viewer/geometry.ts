/**
 * Where the image lies on the canvas.
 *
 * Image coordinates are columns and rows, with pixel (c, r) covering c..c+1 and r..r+1. A column is `scale` canvas
 * pixels wide, a row `scale * aspect` high.
 */

import type { Pixels } from "../api/contract.ts";

export interface View {
  /** Canvas pixels a column. */
  scale: number;
  /** Canvas position of the image's upper left corner. */
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export const SMALLEST = 0.02;
export const LARGEST = 40;

/** The image as large as it fits, in the middle. */
export function fitted(pixels: Pixels, canvas: Size): View {
  const height = pixels.rows * pixels.aspect;
  const scale = Math.min(canvas.width / pixels.columns, canvas.height / height);
  return centered(pixels, canvas, Math.max(SMALLEST, scale));
}

/** The image at a scale, in the middle, on whole canvas pixels. */
export function centered(pixels: Pixels, canvas: Size, scale: number): View {
  return {
    scale,
    x: Math.round((canvas.width - pixels.columns * scale) / 2),
    y: Math.round((canvas.height - pixels.rows * pixels.aspect * scale) / 2),
  };
}

/** Zooms by a factor, leaving the image under the canvas point (x, y) where it is. */
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const scale = Math.min(LARGEST, Math.max(SMALLEST, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
}

/** Moves the image, but never so far that none of it is left on the canvas. */
export function panned(view: View, right: number, down: number, pixels: Pixels, canvas: Size): View {
  const width = pixels.columns * view.scale;
  const height = pixels.rows * pixels.aspect * view.scale;
  const margin = 40;
  return {
    scale: view.scale,
    x: between(view.x + right, margin - width, canvas.width - margin),
    y: between(view.y + down, margin - height, canvas.height - margin),
  };
}

/** Column and row of the image under a canvas point; outside the image null. */
export function pixelAt(view: View, pixels: Pixels, x: number, y: number): { column: number; row: number } | null {
  const column = Math.floor((x - view.x) / view.scale);
  const row = Math.floor((y - view.y) / (view.scale * pixels.aspect));
  const inside = column >= 0 && row >= 0 && column < pixels.columns && row < pixels.rows;
  return inside ? { column, row } : null;
}

/** Columns and rows that are seen on the canvas, whole pixels, ends excluded. */
export function seen(view: View, pixels: Pixels, canvas: Size): { left: number; top: number; right: number; bottom: number } {
  const high = view.scale * pixels.aspect;
  return {
    left: Math.max(0, Math.floor(-view.x / view.scale)),
    top: Math.max(0, Math.floor(-view.y / high)),
    right: Math.min(pixels.columns, Math.ceil((canvas.width - view.x) / view.scale)),
    bottom: Math.min(pixels.rows, Math.ceil((canvas.height - view.y) / high)),
  };
}

function between(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, Math.min(low, high)), Math.max(low, high));
}
