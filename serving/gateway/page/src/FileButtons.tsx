import { useRef } from "preact/hooks";
import type { Part } from "./Page.tsx";

/** Files of a folder in the order of their paths, in which a browser need not give them; others as they were chosen. */
function byPath(one: File, other: File): number {
  return one.webkitRelativePath.localeCompare(other.webkitRelativePath, "en", { numeric: true });
}

/** Opens the browser's dialog for files, or for a folder. */
export function FileButtons({ app, state, large = false }: Part & { large?: boolean }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const busy = state.work !== null && state.work.kind !== "failed";
  const chosen = (input: HTMLInputElement): void => {
    const list = [...(input.files ?? [])].sort(byPath);
    input.value = "";
    void app.send(list);
  };
  const { models } = state;
  return (
    <div class={large ? "files large" : "files"}>
      {models.length > 1 && (
        <select aria-label="Model for new cases" value={app.newModel?.name ?? ""} onChange={(event) => app.set({ chosen: event.currentTarget.value })}>
          {models.map((model) => <option key={model.name} value={model.name}>{model.title ?? model.name}</option>)}
        </select>
      )}
      <button type="button" class="primary" disabled={busy} onClick={() => files.current?.click()}>Open images…</button>
      <button type="button" disabled={busy} onClick={() => folder.current?.click()}>Folder…</button>
      <input ref={files} class="hidden-input" type="file" multiple tabIndex={-1} aria-hidden="true" onChange={(event) => chosen(event.currentTarget)} />
      <input ref={(input) => { folder.current = input; input?.setAttribute("webkitdirectory", ""); }} class="hidden-input" type="file" tabIndex={-1} aria-hidden="true" onChange={(event) => chosen(event.currentTarget)} />
    </div>
  );
}
