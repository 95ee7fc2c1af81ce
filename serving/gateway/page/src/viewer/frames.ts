/** Frames that were fetched, kept up to a number of bytes, the one that was not looked at for longest dropped first. */

import type { Image } from "../api/contract.ts";
import { Painter } from "./painter.ts";
import { storedValues } from "./pyramid.ts";

const KEPT_BYTES = 384 * 1024 * 1024;

export type FetchBytes = (path: string) => Promise<ArrayBuffer>;

export class Frames {
  private readonly kept = new Map<string, { bytes: number; painter: Promise<Painter> }>();

  constructor(private readonly fetchBytes: FetchBytes) {}

  /** The painter of one frame, from 1. */
  painter(caseId: string, image: Image, frame: number): Promise<Painter> {
    const path = `/api/v1/studies/${caseId}/images/${image.id}/pixels?frame=${frame}`;
    const found = this.kept.get(path);
    if (found) {
      this.kept.delete(path);
      this.kept.set(path, found);
      return found.painter;
    }
    const { pixels } = image;
    const bytes = pixels.rows * pixels.columns * pixels.samples * (pixels.dtype === "uint16" ? 2 : 1) * 1.34;
    const painter = this.fetchBytes(path).then((buffer) => new Painter(pixels, storedValues(pixels, buffer)));
    painter.catch(() => this.kept.delete(path));
    this.kept.set(path, { bytes, painter });
    this.dropOldest();
    return painter;
  }

  private dropOldest(): void {
    let total = 0;
    for (const { bytes } of this.kept.values()) total += bytes;
    for (const [path, { bytes }] of this.kept) {
      if (total <= KEPT_BYTES || this.kept.size <= 1) return;
      this.kept.delete(path);
      total -= bytes;
    }
  }
}
