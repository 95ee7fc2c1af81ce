import { useEffect, useRef } from "preact/hooks";
import type { Part } from "../Page.tsx";
import type { Failure } from "../api/problems.ts";
import { inferno } from "./inferno.ts";

export type HeatmapState = "loading" | "shown" | "empty" | "unseen" | Failure;

/** What the heatmap is of, how strongly it is shown, its colours and what they do not mean. */
export function OverlayBar({ app, state, heatmap, seen }: Part & { heatmap: HeatmapState; seen: number[] }) {
  const { overlay } = state;
  if (!overlay) return null;
  return (
    <div class="overlay-bar">
      <div class="row">
        <strong>Heatmap: {overlay.finding}</strong>
        <label>Opacity<input type="range" min={0} max={100} step={5} value={Math.round(state.opacity * 100)} onInput={(event) => app.set({ opacity: event.currentTarget.valueAsNumber / 100 })} />
        </label>
        <select aria-label="Method" value={overlay.method} onChange={(event) => app.set({ overlay: { ...overlay, method: event.currentTarget.value as typeof overlay.method } })}>
          <option value="layer-cam">LayerCAM</option>
          <option value="integrated-gradients">Integrated gradients, slow</option>
        </select>
        <Legend />
      </div>
      <div class="row">
        <p class="small" role="status">{words(heatmap)}</p>
        {heatmap === "unseen" && seen[0] !== undefined && <button type="button" onClick={() => app.showImage(state.image, seen[0])}>To frame {seen[0]}</button>}
      </div>
    </div>
  );
}

function words(heatmap: HeatmapState): string {
  if (heatmap === "loading") return "Asking the model where it looked…";
  if (heatmap === "unseen") return "The model did not look here, so there is nothing to show.";
  if (heatmap === "empty") return "Nothing in this image speaks for this finding.";
  if (heatmap !== "shown") return heatmap.message;
  return "What raised the model's score: not where the disease is, no outline, and no proof that the score is right. Dark does not mean healthy. Colours of two images cannot be compared.";
}

/** The colours, drawn from the same table as the map. */
function Legend() {
  const element = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = element.current?.getContext("2d");
    if (!context) return;
    for (let x = 0; x < 72; x++) {
      context.fillStyle = `rgb(${inferno(x / 71).join(" ")})`;
      context.fillRect(x, 0, 1, 10);
    }
  }, []);
  return (
    <span class="legend">
      none <canvas ref={element} width={72} height={10} role="img" aria-label="Colours from black, none, through violet and orange to yellow, most" /> most
    </span>
  );
}
