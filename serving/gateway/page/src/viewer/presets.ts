/** Windows that a reader can choose by name. */

import type { Pixels, Window } from "../api/contract.ts";
import { rangeWindow } from "./lut.ts";

/** For Hounsfield units; the values that scanners and textbooks agree on. */
const CT: Window[] = [
  { center: 40, width: 400, explanation: "Soft tissue" },
  { center: -600, width: 1500, explanation: "Lung" },
  { center: 400, width: 1800, explanation: "Bone" },
  { center: 40, width: 80, explanation: "Brain" },
  { center: 50, width: 350, explanation: "Mediastinum" },
  { center: 60, width: 160, explanation: "Liver" },
];

/** The file's windows, that of all its values, and for CT those of its organs. None for colour images. */
export function presets(pixels: Pixels, range: [number, number]): Window[] {
  if (pixels.samples === 3) return [];
  const own = pixels.windows.map((window, index) => ({
    ...window,
    explanation: window.explanation || (pixels.windows.length > 1 ? `File's window ${index + 1}` : "File's window"),
  }));
  const ct = pixels.unit === "HU" ? CT : [];
  return [...own, rangeWindow(range[0], range[1], "Full range"), ...ct];
}

/** Whether two windows show the same. */
export function sameWindow(one: Window, other: Window): boolean {
  return Math.abs(one.center - other.center) < 1e-6 && Math.abs(one.width - other.width) < 1e-6;
}
