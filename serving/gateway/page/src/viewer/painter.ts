/** Paints what is seen of a frame onto the canvas: one table look-up a pixel, then the browser's own scaling. */

import type { Pixels, Window } from "../api/contract.ts";
import { seen, type View } from "./geometry.ts";
import { grayTable, pixelTable } from "./lut.ts";
import { Pyramid, type Level, type Stored } from "./pyramid.ts";

export interface Scene {
  view: View;
  window: Window;
  inverted: boolean;
  overlay: CanvasImageSource | null;
  opacity: number;
}

export class Painter {
  private readonly pyramid: Pyramid;
  private readonly scratch = document.createElement("canvas");
  private table: Uint32Array = new Uint32Array(0);
  private tableOf = "";

  constructor(
    private readonly pixels: Pixels,
    readonly stored: Stored,
  ) {
    this.pyramid = new Pyramid(pixels, stored);
  }

  paint(canvas: HTMLCanvasElement, scene: Scene): void {
    const context = canvas.getContext("2d", { alpha: false });
    if (!context) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = scene.view.scale < 1 ? "medium" : "low";
    this.paintFrame(context, canvas, scene);
    if (scene.overlay) this.paintOverlay(context, scene, scene.overlay);
  }

  private paintFrame(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement, scene: Scene): void {
    const { view } = scene;
    const level = this.pixels.samples === 1 ? this.pyramid.at(view.scale) : this.pyramid.at(Infinity);
    const shown = seen(view, this.pixels, canvas);
    const left = Math.floor(shown.left / level.step);
    const top = Math.floor(shown.top / level.step);
    const width = Math.min(level.columns, Math.ceil(shown.right / level.step) + 1) - left;
    const height = Math.min(level.rows, Math.ceil(shown.bottom / level.step) + 1) - top;
    if (width <= 0 || height <= 0) return;
    this.fillScratch(level, { left, top, width, height }, scene);
    const across = (view.scale * this.pixels.columns) / (this.pixels.columns / level.step);
    const down = across * this.pixels.aspect;
    context.drawImage(
      this.scratch, 0, 0, width, height, view.x + left * across, view.y + top * down, width * across, height * down,
    );
  }

  private fillScratch(level: Level, part: Part, scene: Scene): void {
    if (this.scratch.width !== part.width || this.scratch.height !== part.height) {
      this.scratch.width = part.width;
      this.scratch.height = part.height;
    }
    const context = this.scratch.getContext("2d");
    if (!context) return;
    const image = context.createImageData(part.width, part.height);
    const out = new Uint32Array(image.data.buffer);
    if (this.pixels.samples === 3) fillColours(out, level, part, scene.inverted);
    else fillGrays(out, level, part, this.tableFor(scene));
    context.putImageData(image, 0, 0);
  }

  private tableFor(scene: Scene): Uint32Array {
    const inverted = scene.inverted !== this.pixels.inverted;
    const key = `${scene.window.center}/${scene.window.width}/${inverted}`;
    if (key !== this.tableOf) {
      this.table = pixelTable(grayTable(this.pixels, scene.window, inverted));
      this.tableOf = key;
    }
    return this.table;
  }

  private paintOverlay(context: CanvasRenderingContext2D, scene: Scene, overlay: CanvasImageSource): void {
    const { view } = scene;
    context.globalAlpha = scene.opacity;
    context.imageSmoothingQuality = "high";
    const height = this.pixels.rows * this.pixels.aspect * view.scale;
    context.drawImage(overlay, view.x, view.y, this.pixels.columns * view.scale, height);
    context.globalAlpha = 1;
  }
}

interface Part {
  left: number;
  top: number;
  width: number;
  height: number;
}

function fillGrays(out: Uint32Array, level: Level, part: Part, table: Uint32Array): void {
  const { stored } = level;
  let to = 0;
  for (let row = 0; row < part.height; row++) {
    let from = (part.top + row) * level.columns + part.left;
    const end = from + part.width;
    while (from < end) out[to++] = table[stored[from++] as number] as number;
  }
}

function fillColours(out: Uint32Array, level: Level, part: Part, inverted: boolean): void {
  const { stored } = level;
  const shift = stored instanceof Uint16Array ? 8 : 0;
  const flip = inverted ? 0x00ffffff : 0;
  let to = 0;
  for (let row = 0; row < part.height; row++) {
    let from = ((part.top + row) * level.columns + part.left) * 3;
    for (let column = 0; column < part.width; column++, from += 3) {
      const red = (stored[from] as number) >> shift;
      const green = (stored[from + 1] as number) >> shift;
      const blue = (stored[from + 2] as number) >> shift;
      out[to++] = ((0xff000000 | (blue << 16) | (green << 8) | red) ^ flip) >>> 0;
    }
  }
}
