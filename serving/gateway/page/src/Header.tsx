import type { Part } from "./Page.tsx";
import { FileButtons } from "./FileButtons.tsx";

/** The model that answers, reader mode, and the way to new cases. */
export function Header({ app, state }: Part) {
  const model = app.model;
  const signed = state.session !== null && state.session.authentication === "api_key";
  return (
    <header class="top">
      <h1><img src="/favicon.svg" alt="" width="26" height="26" />Radflow</h1>
      <div class="model">
        {model && (
          <button type="button" class="quiet" onClick={() => void app.showCard()} title="What the model is for, how good it is, and for whom not">
            <span class="model-title">{model.title ?? model.name}</span>
            {model.version && <span class="chip">version {model.version.version}</span>}
            <span class="card-word">Model card</span>
          </button>
        )}
      </div>
      <label class="switch" title="Give your opinion before you see the model's">
        <input type="checkbox" role="switch" checked={state.readerMode} onChange={(event) => app.setReaderMode(event.currentTarget.checked)} />
        <span class="knob" aria-hidden="true" />
        Reader mode
      </label>
      {state.session && <FileButtons app={app} state={state} />}
      {signed && <button type="button" class="quiet" onClick={() => app.signOut()}>Sign out</button>}
      <button type="button" class="quiet round" aria-label="Help and keys" title="Help and keys (?)" onClick={() => app.set({ dialog: "help" })}>?</button>
    </header>
  );
}
