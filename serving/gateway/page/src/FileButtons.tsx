import { useRef } from "preact/hooks";
import type { Part } from "./Page.tsx";

/** Opens the browser's dialog for files, or for a folder. */
export function FileButtons({ app, state, large = false }: Part & { large?: boolean }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const busy = state.work !== null && state.work.kind !== "failed";
  const chosen = (input: HTMLInputElement): void => {
    const list = [...(input.files ?? [])];
    input.value = "";
    void app.send(list);
  };
  return (
    <div class={large ? "files large" : "files"}>
      <button type="button" class="primary" disabled={busy} onClick={() => files.current?.click()}>Open images…</button>
      <button type="button" disabled={busy} onClick={() => folder.current?.click()}>Folder…</button>
      <input ref={files} class="hidden-input" type="file" multiple tabIndex={-1} aria-hidden="true" onChange={(event) => chosen(event.currentTarget)} />
      <input ref={(input) => { folder.current = input; input?.setAttribute("webkitdirectory", ""); }} class="hidden-input" type="file" tabIndex={-1} aria-hidden="true" onChange={(event) => chosen(event.currentTarget)} />
    </div>
  );
}
