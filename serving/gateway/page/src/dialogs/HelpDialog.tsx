import type { Part } from "../Page.tsx";
import { Modal } from "./Modal.tsx";

type Row = [string, string];

const MOUSE: Row[] = [
  ["Drag left and right", "window width (wider to the right)"],
  ["Drag up and down", "window center (downwards darker)"],
  ["Shift or right button and drag", "move the image"],
  ["Wheel", "next and previous frame; of one frame zoom"],
  ["Ctrl and wheel, two fingers", "zoom"],
];

const IMAGE: Row[] = [
  ["Shift + arrows", "window: ← → width, ↑ brighter, ↓ darker"],
  ["1 … 9", "window presets"],
  ["I", "invert"],
  ["+ −", "zoom"],
  ["0, O", "fit; original size"],
  ["Arrows", "move the image"],
  ["[ ], Page up and down", "previous and next frame"],
  [", .", "previous and next image"],
  ["H", "heatmap on and off"],
  ["R", "reset"],
  ["W, P, Z", "what a drag does: window, pan, zoom"],
];

const PAGE: Row[] = [
  ["J, K", "next and previous case; the focus goes to its image"],
  ["Tab, Enter", "move to and choose"],
  ["?", "this help"],
];

/** Mouse and keys. */
export function HelpDialog({ app, state }: Part) {
  return (
    <Modal open={state.dialog === "help"} title="Help and keys" onClose={() => app.set({ dialog: null })} class="wide">
      <div class="columns">
        <Keys title="Mouse and touch" rows={MOUSE} />
        <Keys title="Keys, while the image has the focus" rows={IMAGE} />
        <div>
          <Keys title="Keys everywhere" rows={PAGE} />
          <label class="check">
            <input type="checkbox" checked={state.shortcuts} onChange={(event) => app.setShortcuts(event.currentTarget.checked)} />
            J, K and ? work everywhere
          </label>
          <h3>Signs</h3>
          <dl class="keys">
            <dt>▲</dt><dd>flagged: at or above the operating point</dd>
            <dt>○</dt><dd>not flagged, which is not healthy</dd>
            <dt>⊘</dt><dd>no scores: outside what the model is for</dd>
            <dt>!</dt><dd>the model did not answer</dd>
            <dt>●</dt><dd>nobody left feedback yet</dd>
          </dl>
        </div>
      </div>
    </Modal>
  );
}

function Keys({ title, rows }: { title: string; rows: Row[] }) {
  return (
    <div>
      <h3>{title}</h3>
      <dl class="keys">
        {rows.map(([press, does]) => [<dt key={press}>{press}</dt>, <dd key={does}>{does}</dd>])}
      </dl>
    </div>
  );
}
