import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { droppedFiles } from "./api/upload.ts";
import type { Part } from "./Page.tsx";

/** The whole page takes files that are dropped on it. */
export function DropZone({ app, state, children }: Part & { children: ComponentChildren }) {
  const [over, setOver] = useState(false);
  const open = state.session !== null;
  const dropped = async (event: DragEvent): Promise<void> => {
    event.preventDefault();
    setOver(false);
    if (open && event.dataTransfer) await app.send(await droppedFiles(event.dataTransfer));
  };
  return (
    <div
      class={over ? "page dropping" : "page"}
      onDragOver={(event) => { event.preventDefault(); setOver(open && (event.dataTransfer?.types.includes("Files") ?? false)); }}
      onDragLeave={(event) => { if (event.relatedTarget === null) setOver(false); }}
      onDrop={(event) => void dropped(event)}
    >
      {children}
      {over && <div class="drop-hint" aria-hidden="true">Let go to read these files as one case</div>}
    </div>
  );
}
