import type { Part } from "../Page.tsx";
import { counted } from "../words/lists.ts";
import { Modal } from "./Modal.tsx";

/** Asks before a case is deleted. */
export function ConfirmDialog({ app, state }: Part) {
  const { study } = state;
  return (
    <Modal open={state.dialog === "delete" && study !== null} title={`Delete case ${study?.number ?? ""}?`} onClose={() => app.set({ dialog: null })}>
      <p>
        Its {counted(study?.image_list.length ?? 0, "image")}, predictions and feedback are deleted and cannot be brought back. The audit log keeps that
        it was deleted, and by whom.
      </p>
      <p class="row end">
        <button type="button" onClick={() => app.set({ dialog: null })}>Keep it</button>
        <button type="button" class="danger" onClick={() => void app.remove()}>Delete</button>
      </p>
    </Modal>
  );
}
