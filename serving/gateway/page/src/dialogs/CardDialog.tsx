import type { ModelCard, TestedFinding } from "../api/contract.ts";
import { FailureNote } from "../FailureNote.tsx";
import type { Part } from "../Page.tsx";
import { listed } from "../words/lists.ts";
import { estimate, estimateOfOne, percent } from "../words/probability.ts";
import { Modal } from "./Modal.tsx";

const UNKNOWN = "Not known: this version carries no test results.";

/** The model card: what the model is for, how good it is, and for whom not. */
export function CardDialog({ app, state }: Part) {
  const { card } = state;
  return (
    <Modal open={state.dialog === "card"} title={card ? card.title : "Model card"} onClose={() => app.set({ dialog: null })} class="wide">
      {state.cardFailure && <FailureNote failure={state.cardFailure} again={() => void app.showCard()} />}
      {!card && !state.cardFailure && <p role="status">Loading the model card…</p>}
      {card && <Card card={card} />}
    </Modal>
  );
}

function Card({ card }: { card: ModelCard }) {
  const { model } = card;
  const approval = model.approval;
  const ages = card.age_range ? `${card.age_range[0]} to ${card.age_range[1]} years` : "not declared";
  return (
    <div class="card">
      <p class={model.approved ? "approved" : "unapproved"}>
        {model.approved && approval && `Version ${model.version}, approved by ${approval.by} (${approval.role}) on ${day(approval.at)}: “${approval.statement}”`}
        {model.approved && !approval && `Version ${model.version}, approved for use.`}
        {!model.approved && `Version ${model.version}. Unapproved research model: nobody approved it for use.`}
      </p>
      <dl class="pairs">
        <Pair name="Intended use" value={card.intended_use} />
        <Pair name="Population" value={card.population} />
        <Pair name="Reference standard" value={card.reference_standard} />
        <Pair name="Images" value={`${listed(card.modalities, "or") || "any modality"}; views: ${listed(card.views, "or") || "not declared"}; age: ${ages}`} />
        <Pair name="One answer for" value={card.unit === "study" ? "a study, all of its images together" : "each image"} />
        <Pair name="Scores hold at" value={prevalences(card)} />
      </dl>
      <h3>On the test split{card.test_patients !== null ? `, ${card.test_patients} patients` : ""}</h3>
      <Tested findings={card.findings} />
      {card.findings.length > 0 && <p class="small">At the operating points, with 95 % intervals over patients. PPV and NPV at the declared prevalence, else at the test split's.</p>}
      <h3>Limitations</h3>
      <Points points={card.limitations} none="None were written down." />
      <h3>Not assessable: nobody knows how good it is for</h3>
      <Points points={card.not_assessable} none={card.findings.length ? "No group was too small to judge." : UNKNOWN} />
      <h3>Gates</h3>
      <Points points={card.gates} none={card.findings.length ? "The task declares no gates." : UNKNOWN} />
      <p class="small">{card.note} Radflow {card.radflow_version}.</p>
    </div>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return [<dt key="name">{name}</dt>, <dd key="value">{value}</dd>];
}

function Points({ points, none }: { points: string[]; none: string }) {
  if (points.length === 0) return <p>{none}</p>;
  return <ul>{points.map((point) => <li key={point}>{point}</li>)}</ul>;
}

function prevalences(card: ModelCard): string {
  const declared = card.deployment_prevalence;
  const shares = Object.entries(declared ?? card.prevalence).map(([label, share]) => `${label} ${percent(share)}`);
  return `${listed(shares, "and")}, ${declared ? "as declared for this place" : "as in the calibration data; none was declared for this place"}`;
}

const METRICS: [string, string][] = [
  ["sensitivity", "Sensitivity"],
  ["specificity", "Specificity"],
  ["auroc", "AUROC"],
  ["ppv", "PPV"],
  ["npv", "NPV"],
];

function Tested({ findings }: { findings: TestedFinding[] }) {
  if (findings.length === 0) return <p>{UNKNOWN}</p>;
  const shown = METRICS.filter(([name]) => findings.some((finding) => finding.metrics[name]));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Test results">
      <table>
        <thead>
          <tr><th scope="col">Finding</th><th scope="col">Patients with, without</th>{shown.map(([name, title]) => <th key={name} scope="col">{title}</th>)}</tr>
        </thead>
        <tbody>
          {findings.map((finding) => (
            <tr key={finding.name}>
              <th scope="row">{finding.name}</th>
              <td>{finding.patients_with ?? "?"}, {finding.patients_without ?? "?"}</td>
              {shown.map(([name]) => <td key={name}>{onTwoLines((name === "auroc" ? estimateOfOne : estimate)(finding.metrics[name] ?? null))}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The interval below its value, so that five of them fit side by side. */
function onTwoLines(estimated: string): string {
  return estimated.replace(" (", "\n(");
}

function day(iso: string): string {
  return new Date(iso).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
}
