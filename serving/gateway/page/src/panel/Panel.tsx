/** What is said of the open case, by the model and by readers. */

import type { Case } from "../api/contract.ts";
import type { Part } from "../Page.tsx";
import { blindOpinion, latest, noOpinionFirst } from "../words/reading.ts";
import { sentence } from "../words/lists.ts";
import { rejectionWords } from "../words/rejected.ts";
import { seenWords, statedWords } from "../words/seen.ts";
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
  const prediction = latest(study);
  return (
    <aside class="panel" aria-label="Findings" key={study.id}>
      <div class="panel-body">
        <div class="panel-top">
          <h2>Case {study.number}</h2>
          {study.sample && <span class="chip">sample</span>}
          <button type="button" class="quiet" onClick={() => app.set({ dialog: "delete" })}>Delete…</button>
        </div>
        <Rejected state={state} app={app} />
        {wait ? <OpinionForm app={app} state={state} /> : <Said app={app} state={state} />}
      </div>
      {!wait && prediction && <FeedbackForm app={app} state={state} prediction={prediction} />}
    </aside>
  );
}

function Rejected({ app, state }: Part) {
  const rejected = state.study?.rejected ?? [];
  if (rejected.length === 0) return null;
  return (
    <details class="notice">
      <summary>{rejected.length === 1 ? "One file gives no image" : `${rejected.length} files give no image`}</summary>
      <ul>{rejected.map((file) => <li key={file.file}>{rejectionWords(file, app.namesOf(state.study?.id))}</li>)}</ul>
    </details>
  );
}

function Said({ app, state }: Part) {
  const study = state.study;
  if (!study) return null;
  const prediction = latest(study);
  const opinion = blindOpinion(study);
  const seen = state.readerMode ? noOpinionFirst(study) : null;
  if (!prediction) return <Unasked app={app} state={state} study={study} />;
  const unseen = seenWords(prediction, study.image_list);
  const stated = statedWords(study);
  const findings = prediction.findings.filter((finding) => finding.is_finding);
  const set = setWords(prediction);
  const flagged = findings.filter((finding) => finding.flagged);
  return (
    <>
      {seen && <p class="notice">{seen}</p>}
      {opinion && <Comparison opinion={opinion} prediction={prediction} />}
      {stated && <p class="notice">{stated}{prediction.withheld ? "" : " The scores rest on it."}</p>}
      {prediction.withheld && <ScopeNotice app={app} state={state} withheld={prediction.withheld} />}
      {!prediction.withheld && (
        <section aria-labelledby="findings-title">
          <h3 id="findings-title">{flagged.length ? `${flagged.length} of ${findings.length} findings flagged` : "No finding is flagged"}</h3>
          {unseen.map((words) => <p key={words} class="notice"><span aria-hidden="true">⚠</span> {words}</p>)}
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
      <FeedbackList study={study} />
      <p class="small note">{prediction.intended_use} {prediction.note} Answered by {prediction.model.name}, version {prediction.model.version}{prediction.model.approved ? `, approved${prediction.model.approval ? ` by ${prediction.model.approval.by} (${prediction.model.approval.role})` : ""}` : ", not approved"}, on {new Date(prediction.created_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}.</p>
    </>
  );
}

/** A case that the model said nothing of: it can be asked, and the reader can say what there is without it. */
function Unasked({ app, state, study }: Part & { study: Case }) {
  const busy = state.work !== null && state.work.kind !== "failed";
  const failed = study.status === "failed";
  const why = failed ? "The model server was away or refused this case." : "It was not asked about this case.";
  const then = app.awaits(study.id) ? " It is asked again as soon as it answers." : "";
  return (
    <>
      <section class="unasked">
        <h3>The model has no say yet</h3>
        <p>{busy ? "The model is being asked." : why + then}</p>
        <button type="button" class="primary" disabled={busy} onClick={() => void app.ask()}>{failed ? "Ask again" : "Ask the model"}</button>
      </section>
      {(failed || !busy) && !study.feedback.some((entry) => entry.mine) && <OpinionForm app={app} state={state} alone />}
      <FeedbackList study={study} />
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
