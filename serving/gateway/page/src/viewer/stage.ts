/** The canvas with its pointer, wheel and keys: what a reader does to the image, and what is seen of it. */

import type { Image, Window } from "../api/contract.ts";
import { centered, fitted, panned, pixelAt, zoomed, type View } from "./geometry.ts";
import { draggedWindow, valueRange } from "./lut.ts";
import type { Painter } from "./painter.ts";
import { presets } from "./presets.ts";

export type Tool = "window" | "pan" | "zoom";

/** What is shown beside the canvas. */
export interface Shown {
  window: Window;
  scale: number;
  inverted: boolean;
  tool: Tool;
  presets: Window[];
  cursor: { column: number; row: number; values: number[] } | null;
}

interface Point {
  x: number;
  y: number;
}

export class Stage {
  tool: Tool = "window";
  private painter: Painter | null = null;
  private image: Image | null = null;
  private view: View = { scale: 1, x: 0, y: 0 };
  private window: Window = { center: 0, width: 1, explanation: "" };
  private inverted = false;
  private follows = true;
  private range: [number, number] = [0, 1];
  private offered: Window[] = [];
  private overlay: HTMLCanvasElement | null = null;
  private opacity = 1;
  private readonly pointers = new Map<number, Point>();
  private dragTool: Tool = "window";
  private cursor: Point | null = null;
  private due = 0;
  private readonly observer: ResizeObserver;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly onShown: (shown: Shown) => void,
    private readonly onFrames: (by: number) => void,
  ) {
    this.observer = new ResizeObserver(([entry]) => this.resize(entry?.devicePixelContentBoxSize?.[0]));
    try {
      this.observer.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      this.observer.observe(canvas); // Safari does not know the box that has whole pixels of the screen
    }
    canvas.addEventListener("pointerdown", this.onDown);
    canvas.addEventListener("pointermove", this.onMove);
    canvas.addEventListener("pointerup", this.onUp);
    canvas.addEventListener("pointercancel", this.onUp);
    canvas.addEventListener("pointerleave", this.onLeave);
    canvas.addEventListener("wheel", this.onWheel, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  dispose(): void {
    this.observer.disconnect();
    cancelAnimationFrame(this.due);
  }

  /** Shows a frame. Another image begins with its own window, fitted; another frame keeps what was set. */
  show(image: Image, painter: Painter): void {
    const another = this.image?.id !== image.id;
    this.image = image;
    this.painter = painter;
    if (another) {
      this.range = image.pixels.samples === 1 ? valueRange(image.pixels, painter.stored) : [0, 255];
      this.offered = presets(image.pixels, this.range);
      this.reset();
    } else this.repaint();
  }

  /** Nothing is shown until the next frame came. */
  clear(): void {
    this.painter = null;
    this.image = null;
    this.overlay = null;
    this.repaint();
  }

  setOverlay(overlay: HTMLCanvasElement | null, opacity: number): void {
    this.overlay = overlay;
    this.opacity = opacity;
    this.repaint();
  }

  setTool(tool: Tool): void {
    this.tool = tool;
    this.tell();
  }

  setWindow(window: Window): void {
    this.window = window;
    this.repaint();
  }

  /** Moves the window by steps: a wider one, and a darker image. */
  nudgeWindow(wider: number, darker: number): void {
    const inverted = this.inverted !== (this.image?.pixels.inverted ?? false);
    this.setWindow(draggedWindow(this.window, wider, darker, this.range, inverted));
  }

  invert(): void {
    this.inverted = !this.inverted;
    this.repaint();
  }

  reset(): void {
    this.inverted = false;
    this.window = this.offered[0] ?? { center: 128, width: 256, explanation: "" };
    this.fit();
  }

  fit(): void {
    this.follows = true;
    if (this.image) this.view = fitted(this.image.pixels, this.canvas);
    this.repaint();
  }

  /** One image column on one pixel of the screen. */
  original(): void {
    this.follows = false;
    if (this.image) this.view = centered(this.image.pixels, this.canvas, 1);
    this.repaint();
  }

  zoom(factor: number, at: Point = { x: this.canvas.width / 2, y: this.canvas.height / 2 }): void {
    this.follows = false;
    this.view = zoomed(this.view, factor, at.x, at.y);
    this.repaint();
  }

  pan(right: number, down: number): void {
    if (!this.image) return;
    this.follows = false;
    this.view = panned(this.view, right, down, this.image.pixels, this.canvas);
    this.repaint();
  }

  private resize(box?: ResizeObserverSize): void {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, box?.inlineSize ?? Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, box?.blockSize ?? Math.round(this.canvas.clientHeight * ratio));
    if (width === this.canvas.width && height === this.canvas.height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    if (this.follows && this.image) this.view = fitted(this.image.pixels, this.canvas);
    this.paint();
  }

  private repaint(): void {
    cancelAnimationFrame(this.due);
    this.due = requestAnimationFrame(() => this.paint());
  }

  private paint(): void {
    if (!this.painter) {
      const context = this.canvas.getContext("2d", { alpha: false });
      context?.fillRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    const { view, window, inverted, overlay, opacity } = this;
    this.painter.paint(this.canvas, { view, window, inverted, overlay, opacity });
    this.tell();
  }

  private tell(): void {
    this.onShown({
      window: this.window, scale: this.view.scale, inverted: this.inverted, tool: this.tool,
      presets: this.offered, cursor: this.readCursor(),
    });
  }

  private readCursor(): Shown["cursor"] {
    if (!this.cursor || !this.image || !this.painter) return null;
    const { pixels } = this.image;
    const place = pixelAt(this.view, pixels, this.cursor.x, this.cursor.y);
    if (!place) return null;
    const at = (place.row * pixels.columns + place.column) * pixels.samples;
    const stored = Array.from(this.painter.stored.subarray(at, at + pixels.samples));
    const values = pixels.samples === 3 ? stored : stored.map((value) => pixels.slope * value + pixels.intercept);
    return { ...place, values };
  }

  // --- pointer and wheel

  private point(event: { clientX: number; clientY: number }): Point {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / Math.max(1, box.width);
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  private readonly onDown = (event: PointerEvent): void => {
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.point(event));
    this.dragTool = event.button === 1 || event.button === 2 || event.shiftKey ? "pan" : this.tool;
    if (event.button === 1) event.preventDefault();
  };

  private readonly onMove = (event: PointerEvent): void => {
    const to = this.point(event);
    this.cursor = to;
    const from = this.pointers.get(event.pointerId);
    if (!from) {
      this.tell();
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, to);
    else this.drag(from, to);
    this.pointers.set(event.pointerId, to);
  };

  private drag(from: Point, to: Point): void {
    const right = to.x - from.x;
    const down = to.y - from.y;
    if (this.dragTool === "pan") this.pan(right, down);
    else if (this.dragTool === "zoom") this.zoom(Math.exp(-down / 150));
    else if (this.image?.pixels.samples === 1) {
      const ratio = this.canvas.width / Math.max(1, this.canvas.clientWidth);
      this.nudgeWindow(right / ratio, down / ratio);
    }
  }

  private pinch(moved: number, to: Point): void {
    const [one, other] = [...this.pointers.entries()].sort(([a]) => (a === moved ? -1 : 1)).map(([, point]) => point);
    if (!one || !other) return;
    const before = Math.hypot(one.x - other.x, one.y - other.y);
    const after = Math.hypot(to.x - other.x, to.y - other.y);
    this.pan((to.x - one.x) / 2, (to.y - one.y) / 2);
    this.zoom(after / Math.max(1, before), { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 });
  }

  private readonly onUp = (event: PointerEvent): void => {
    this.pointers.delete(event.pointerId);
  };

  private readonly onLeave = (): void => {
    this.cursor = null;
    this.tell();
  };

  private readonly onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const several = (this.image?.pixels.frames ?? 1) > 1;
    if (several && !event.ctrlKey) this.onFrames(event.deltaY > 0 ? 1 : -1);
    else this.zoom(Math.exp(-event.deltaY / (event.ctrlKey ? 200 : 500)), this.point(event));
  };

  /** Does what a key stands for on the image; whether it stands for something. */
  press(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.shiftKey && event.key.startsWith("Arrow")) return this.pressShifted(event.key);
    const preset = /^[1-9]$/.test(event.key) ? this.offered[Number(event.key) - 1] : undefined;
    if (preset) this.setWindow(preset);
    const act = preset ? undefined : this.keys[event.key.toLowerCase()];
    act?.();
    return preset !== undefined || act !== undefined;
  }

  private pressShifted(name: string): boolean {
    const [wider, darker] = { ArrowLeft: [-12, 0], ArrowRight: [12, 0], ArrowUp: [0, -12], ArrowDown: [0, 12] }[name] ?? [0, 0];
    this.nudgeWindow(wider as number, darker as number);
    return true;
  }

  private readonly keys: { [key: string]: () => void } = {
    "+": () => this.zoom(1.25),
    "=": () => this.zoom(1.25),
    "-": () => this.zoom(0.8),
    _: () => this.zoom(0.8),
    "0": () => this.fit(),
    o: () => this.original(),
    i: () => this.invert(),
    r: () => this.reset(),
    w: () => this.setTool("window"),
    p: () => this.setTool("pan"),
    z: () => this.setTool("zoom"),
    arrowleft: () => this.pan(40, 0),
    arrowright: () => this.pan(-40, 0),
    arrowup: () => this.pan(0, 40),
    arrowdown: () => this.pan(0, -40),
    pagedown: () => this.onFrames(1),
    pageup: () => this.onFrames(-1),
    "]": () => this.onFrames(1),
    "[": () => this.onFrames(-1),
  };
}
