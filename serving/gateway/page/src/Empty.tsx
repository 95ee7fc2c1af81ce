import type { Part } from "./Page.tsx";
import { FailureNote } from "./FailureNote.tsx";
import { FileButtons } from "./FileButtons.tsx";
import { bytesWords } from "./words/lists.ts";
import { rejectionWords } from "./words/rejected.ts";

/** What stands where the image would: how to begin, or why there is none. */
export function Empty({ app, state }: Part) {
  const { session, study } = state;
  if (state.studyFailure) return <FailureNote failure={state.studyFailure} close={() => app.close()} />;
  if (study) {
    return (
      <div class="empty">
        <h2>No image of this case can be shown</h2>
        <ul>{study.rejected.map((file) => <li key={file.file}>{rejectionWords(file, app.namesOf(study.id))}</li>)}</ul>
      </div>
    );
  }
  if (!session) return <div class="empty"><p>{state.failure ? "" : "One moment…"}</p></div>;
  const none = state.rows !== null && state.rows.length === 0;
  return (
    <div class="empty">
      <h2>{none ? "No cases yet" : "Choose a case from the worklist"}</h2>
      <p>
        {none ? "Open" : "Or open"} the files of one study: DICOM, PNG, JPEG or NIfTI, several at once, a zip or a folder. They can
        also be dropped anywhere on this page.
      </p>
      <FileButtons app={app} state={state} large />
      {session.samples > 0 && (
        <p class="sample">
          <button type="button" disabled={state.work !== null && state.work.kind !== "failed"} onClick={() => void app.sample()}>Try a sample case</button>
          <span>An example of the kind this model was made for. It is marked as a sample in the worklist.</span>
        </p>
      )}
      <ul class="facts">
        <li>Up to {session.max_files} files and {bytesWords(session.max_bytes)} at once.</li>
        <li>What identifies a patient is taken out of the headers before anything is stored. Names of files are not sent.</li>
        {session.retention_days !== null && <li>Cases are deleted after {session.retention_days} days, or at once when you delete them.</li>}
        <li>With reader mode you give your opinion first and see the model's after it.</li>
      </ul>
    </div>
  );
}
