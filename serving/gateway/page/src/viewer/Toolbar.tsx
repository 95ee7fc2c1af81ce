import type { Image } from "../api/contract.ts";
import { sameWindow } from "./presets.ts";
import type { Shown, Stage, Tool } from "./stage.ts";

const TOOLS: [Tool, string, string][] = [
  ["window", "Window", "W: drag changes the window"],
  ["pan", "Move", "P: drag moves the image"],
  ["zoom", "Zoom", "Z: drag zooms"],
];

/** What a drag does, window presets, and the rest that is done to the image. */
export function Toolbar({ stage, shown, image }: { stage: Stage | null; shown: Shown | null; image: Image }) {
  const colour = image.pixels.samples === 3;
  const presets = shown?.presets ?? [];
  const chosen = presets.findIndex((preset) => shown && sameWindow(preset, shown.window));
  return (
    <div class="toolbar" role="toolbar" aria-label="Image tools">
      <span class="group" role="group" aria-label="A drag">
        {TOOLS.map(([tool, name, title]) => (
          <button key={tool} type="button" title={title} aria-pressed={shown?.tool === tool} onClick={() => stage?.setTool(tool)}>{name}</button>
        ))}
      </span>
      {!colour && (
        <select
          aria-label="Window preset" value={chosen} class="preset"
          onChange={(event) => { const preset = presets[Number(event.currentTarget.value)]; if (preset) stage?.setWindow(preset); }}
        >
          {chosen < 0 && <option value={-1}>Own window</option>}
          {presets.map((preset, index) => <option key={index} value={index}>{preset.explanation}</option>)}
        </select>
      )}
      <button type="button" title="I" aria-pressed={shown?.inverted ?? false} onClick={() => stage?.invert()}>Invert</button>
      <span class="group" role="group" aria-label="Size">
        <button type="button" title="−" aria-label="Smaller" onClick={() => stage?.zoom(0.8)}>−</button>
        <button type="button" title="+" aria-label="Larger" onClick={() => stage?.zoom(1.25)}>+</button>
        <button type="button" title="0" onClick={() => stage?.fit()}>Fit</button>
        <button type="button" title="O: one pixel of the image on one of the screen" aria-label="Original size" onClick={() => stage?.original()}>1:1</button>
      </span>
      <button type="button" title="R: window, size and inversion as in the beginning" onClick={() => stage?.reset()}>Reset</button>
    </div>
  );
}
