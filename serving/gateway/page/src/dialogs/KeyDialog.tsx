import { useState } from "preact/hooks";
import type { Part } from "../Page.tsx";
import { Modal } from "./Modal.tsx";

/** Asks for the API key that the gateway wants. */
export function KeyDialog({ app, state }: Part) {
  const [value, setValue] = useState("");
  const enter = (event: Event): void => {
    event.preventDefault();
    if (!value.trim()) return;
    void app.useKey(value.trim());
    setValue("");
  };
  return (
    <Modal open={state.needsKey} title="Say who you are" onClose={() => undefined} closes={false}>
      <form onSubmit={enter}>
        <p>This gateway wants an API key or a token. The person who runs it gives you one.</p>
        {state.keyRefused && <p class="failure" role="alert"><span aria-hidden="true" class="sign">!</span> The gateway does not know this key, or its time has run out.</p>}
        <label class="field">
          API key
          <input type="password" autocomplete="off" spellcheck={false} value={value} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
        <p class="small">It is kept in this tab alone, until the tab is closed.</p>
        <p class="row end"><button type="submit" class="primary">Go on</button></p>
      </form>
    </Modal>
  );
}
