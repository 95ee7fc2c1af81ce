/** The whole page: header, worklist, image, findings, and what must always be in sight. */

import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { App, State } from "./app.ts";
import { Banners } from "./Banners.tsx";
import { Header } from "./Header.tsx";
import { Progress } from "./Progress.tsx";
import { CardDialog } from "./dialogs/CardDialog.tsx";
import { ConfirmDialog } from "./dialogs/ConfirmDialog.tsx";
import { HelpDialog } from "./dialogs/HelpDialog.tsx";
import { KeyDialog } from "./dialogs/KeyDialog.tsx";
import { Panel } from "./panel/Panel.tsx";
import { latest } from "./words/reading.ts";
import { DropZone } from "./DropZone.tsx";
import { Empty } from "./Empty.tsx";
import { Viewer } from "./viewer/Viewer.tsx";
import { Worklist } from "./worklist/Worklist.tsx";

export interface Part {
  app: App;
  state: State;
}

export const RESEARCH = "Research software, not a medical device.";

export function Page({ app }: { app: App }) {
  const [state, setState] = useState(app.state);
  // Before the first paint: an answer may come before an effect that waits for it.
  useLayoutEffect(() => app.subscribe(() => setState(app.state)), [app]);
  useShortcuts(app);
  const part = { app, state };
  const use = (state.study && latest(state.study)?.intended_use) || app.model?.intended_use;
  return (
    <DropZone app={app} state={state}>
      <a class="skip" href="#image" onClick={skip}>To the image</a>
      <Header {...part} />
      <Banners {...part} />
      <main class={state.study ? "reading" : "idle"}>
        <Worklist {...part} />
        <section class="middle" id="image" tabIndex={-1} aria-label="Image">
          <Progress {...part} />
          {state.study && state.study.image_list.length > 0 ? <Viewer {...part} /> : <Empty {...part} />}
        </section>
        {state.study && <Panel {...part} />}
      </main>
      <footer>
        <strong>{RESEARCH}</strong>
        {use && <span class="use" title={use}>Intended use: {use}</span>}
      </footer>
      <p class="unseen" role="status" aria-live="polite">{state.said}</p>
      <HelpDialog {...part} />
      <CardDialog {...part} />
      <ConfirmDialog {...part} />
      <KeyDialog {...part} />
    </DropZone>
  );
}

function skip(event: MouseEvent): void {
  event.preventDefault();
  focusImage();
}

function focusImage(): void {
  const canvas = document.querySelector<HTMLElement>("#image canvas[role=application]");
  (canvas ?? document.querySelector<HTMLElement>("#image button"))?.focus();
}

/** To another case, and to its image: what a reader does next is done by the image's keys. */
async function step(app: App, by: number): Promise<void> {
  await app.step(by);
  requestAnimationFrame(() => {
    const busy = document.activeElement?.closest("input, textarea, select, dialog");
    if (!busy) focusImage();
  });
}

/** Single keys that work everywhere but in a field; the help says how to turn them off. */
function useShortcuts(app: App): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement;
      const elsewhere = target.closest("input, textarea, select, dialog") !== null;
      if (elsewhere || event.ctrlKey || event.metaKey || event.altKey || !app.state.shortcuts) return;
      if (event.key === "?") app.set({ dialog: "help" });
      else if (event.key === "j") void step(app, 1);
      else if (event.key === "k") void step(app, -1);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [app]);
}
