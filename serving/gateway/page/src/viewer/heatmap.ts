/** A heatmap as the gateway gives it, in colours. */

import { gateway } from "../api/client.ts";
import type { Overlay } from "../app.ts";
import { coloured } from "./inferno.ts";

/** Fetches a map of one frame, a gray PNG, and colours it. */
export async function fetchHeatmap(caseId: string, imageId: string, frame: number, overlay: Overlay): Promise<HTMLCanvasElement> {
  const asked = new URLSearchParams({ finding: overlay.finding, frame: String(frame), method: overlay.method });
  const blob = await gateway.blob(`/api/v1/studies/${caseId}/images/${imageId}/heatmap?${asked}`);
  const picture = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw the heatmap.");
  context.drawImage(picture, 0, 0);
  picture.close();
  const grays = context.getImageData(0, 0, canvas.width, canvas.height);
  context.putImageData(new ImageData(coloured(grays.data), canvas.width, canvas.height), 0, 0);
  return canvas;
}
