import { FailureNote } from "../FailureNote.tsx";
import type { Part } from "../Page.tsx";
import type { CaseSummary } from "../api/contract.ts";
import { counted } from "../words/lists.ts";
import { rowMark, rowWords, SIGNS, whenWords, type Mark } from "../words/triage.ts";
import { Thumbnail } from "./Thumbnail.tsx";

/** The cases, the most urgent first; in reader mode the newest first, without anything that the model said. */
export function Worklist({ app, state }: Part) {
  const { rows, readerMode } = state;
  return (
    <nav class="worklist" aria-label="Worklist">
      <div class="list-top">
        <h2>Worklist</h2>
        <button type="button" class="quiet round" aria-label="Refresh the worklist" title="Refresh" onClick={() => void app.loadList()}>↻</button>
      </div>
      <p class="order">{readerMode ? "Newest first, without flags" : "Unread and flagged first"}{rows ? ` · ${counted(state.total, "case")}` : ""}</p>
      {state.listFailure && <FailureNote failure={state.listFailure} again={() => void app.loadList()} />}
      <ul class="cases" onKeyDown={moveFocus}>
        {(rows ?? []).map((row) => <Row key={row.id} row={row} app={app} state={state} />)}
      </ul>
      {rows && rows.length === 0 && !state.listFailure && <p class="none">No cases yet.</p>}
      {(state.cursors.length > 0 || state.next) && (
        <p class="row pages">
          <button type="button" disabled={state.cursors.length === 0} onClick={() => void app.previousPage()}>Previous</button>
          <span>Page {state.cursors.length + 1}</span>
          <button type="button" disabled={!state.next} onClick={() => void app.nextPage()}>Next</button>
        </p>
      )}
    </nav>
  );
}

function Row({ row, app, state }: Part & { row: CaseSummary }) {
  const hidden = state.readerMode;
  const mark: Mark = hidden ? "hidden" : rowMark(row);
  const open = state.study?.id === row.id;
  return (
    <li>
      <button type="button" class={`case ${mark}${row.read ? "" : " unread"}`} aria-current={open ? "true" : undefined} onClick={() => void app.open(row.id)}>
        <Thumbnail caseId={row.id} image={row.thumbnail} />
        <span class="about">
          <span class="line">
            <strong>Case {row.number}</strong>
            <span class="when">{whenWords(row.created_at, new Date())}</span>
          </span>
          <span class="line small">
            {[row.modality, row.images > 1 ? counted(row.images, "image") : ""].filter(Boolean).join(" · ")}
            {row.sample && <span class="chip">sample</span>}
          </span>
          <span class="says"><span class="sign" aria-hidden="true">{hidden && row.read ? "✓" : SIGNS[mark]}</span> {mark === "flagged" && <span class="unseen">Flagged: </span>}{hidden && row.read ? "Feedback given" : rowWords(row, hidden)}</span>
        </span>
        {!row.read && <span class="dot" title="Unread"><span class="unseen">Unread</span></span>}
      </button>
    </li>
  );
}

/** Arrows, Home and End move the focus through the list. */
function moveFocus(event: KeyboardEvent): void {
  const list = event.currentTarget as HTMLElement;
  const buttons = [...list.querySelectorAll<HTMLButtonElement>("button.case")];
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  buttons[Math.min(buttons.length - 1, Math.max(0, to))]?.focus();
}
