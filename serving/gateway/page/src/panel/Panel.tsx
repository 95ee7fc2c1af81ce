/** What is said of the open case, by the model and by readers. */

import type { Part } from "../Page.tsx";
import { blindOpinion, latest, noOpinionFirst } from "../words/reading.ts";
import { sentence } from "../words/lists.ts";
import { WITHHELD } from "../words/triage.ts";
import { Comparison } from "./Comparison.tsx";
import { FeedbackForm, FeedbackList } from "./FeedbackForm.tsx";
import { FindingRow } from "./FindingRow.tsx";
import { OpinionForm } from "./OpinionForm.tsx";
import { PerImage } from "./PerImage.tsx";
import { ScopeNotice } from "./ScopeNotice.tsx";
import { setWords } from "../words/probability.ts";

export function Panel({ app, state }: Part) {
  const { study } = state;
  if (!study) return null;
  const wait = state.readerMode && !state.revealed;
  return (
    <aside class="panel" aria-label="Findings">
      <div class="panel-top">
        <h2>Case {study.number}</h2>
        {study.sample && <span class="chip">sample</span>}
        <button type="button" class="quiet" onClick={() => app.set({ dialog: "delete" })}>Delete…</button>
      </div>
      <Rejected state={state} app={app} />
      {wait ? <OpinionForm app={app} state={state} key={study.id} /> : <Said app={app} state={state} key={study.id} />}
    </aside>
  );
}

function Rejected({ state }: Part) {
  const rejected = state.study?.rejected ?? [];
  if (rejected.length === 0) return null;
  return (
    <details class="notice">
      <summary>{rejected.length === 1 ? "One file gives no image" : `${rejected.length} files give no image`}</summary>
      <ul>{rejected.map((file) => <li key={file.file}>File {file.file}: {sentence(file.reason)}</li>)}</ul>
    </details>
  );
}

function Said({ app, state }: Part) {
  const study = state.study;
  if (!study) return null;
  const prediction = latest(study);
  const opinion = blindOpinion(study);
  const seen = state.readerMode ? noOpinionFirst(study) : null;
  const busy = state.work !== null && state.work.kind !== "failed";
  if (!prediction) {
    return (
      <>
        <section class="unasked">
          <h3>The model has no say yet</h3>
          <p>{study.status === "failed" ? "The model server was away or refused this case. Read it without the model, or ask again." : busy ? "The model is being asked." : "It was not asked about this case."}</p>
          <button type="button" class="primary" disabled={busy} onClick={() => void app.ask()}>{study.status === "failed" ? "Ask again" : "Ask the model"}</button>
        </section>
        <FeedbackList study={study} />
      </>
    );
  }
  const findings = prediction.findings.filter((finding) => finding.is_finding);
  const set = setWords(prediction);
  const flagged = findings.filter((finding) => finding.flagged);
  return (
    <>
      {seen && <p class="notice">{seen}</p>}
      {opinion && <Comparison opinion={opinion} prediction={prediction} />}
      {prediction.withheld && <ScopeNotice app={app} state={state} withheld={prediction.withheld} />}
      {!prediction.withheld && (
        <section aria-labelledby="findings-title">
          <h3 id="findings-title">{flagged.length ? `${flagged.length} of ${findings.length} findings flagged` : "No finding is flagged"}</h3>
          {flagged.length === 0 && <p class="small">Not flagged is not healthy: look for what the model was not made to see.</p>}
          {!prediction.calibrated && <p class="notice">Too few patients to fit probabilities: take the scores as an order only.</p>}
          {prediction.images.some((said) => said.scope.out_of_distribution) && <p class="notice"><span aria-hidden="true">⚠</span> {sentence(`${WITHHELD.out_of_distribution}: do not rely on the scores`)}</p>}
          {findings.map((finding) => <FindingRow key={finding.name} app={app} state={state} finding={finding} />)}
          <p class="small">Sensitivity and specificity: at the operating point, on the test split, with 95 % intervals.</p>
          {set && <p class="set"><strong>What cannot be excluded</strong> {set}</p>}
          <PerImage app={app} state={state} prediction={prediction} />
        </section>
      )}
      <NotAssessable groups={prediction.not_assessable} />
      <FeedbackForm app={app} state={state} prediction={prediction} />
      <FeedbackList study={study} />
      <p class="small note">{prediction.intended_use} {prediction.note} Answered by {prediction.model.name}, version {prediction.model.version}{prediction.model.approved ? `, approved${prediction.model.approval ? ` by ${prediction.model.approval.by} (${prediction.model.approval.role})` : ""}` : ", not approved"}, on {new Date(prediction.created_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}.</p>
    </>
  );
}

function NotAssessable({ groups }: { groups: string[] }) {
  if (groups.length === 0) return null;
  return (
    <details class="notice">
      <summary>Nobody knows how good the model is for {groups.length === 1 ? "one group" : `${groups.length} groups`}</summary>
      <ul>{groups.map((group) => <li key={group}>{group}</li>)}</ul>
    </details>
  );
}
