/** What a reader has said of a case, and what the page may show before that. */

import type { Case, Feedback, Finding, Model, Prediction } from "../api/contract.ts";
import { listed } from "./lists.ts";

/** The reader's own opinion from before the gateway sent the model's say; null where there is none. */
export function blindOpinion(study: Case): Feedback | null {
  return study.feedback.find((entry) => entry.mine && entry.blind) ?? null;
}

/** Whether the reader can still give an opinion before the model's say: the gateway knows what it sent to whom. */
export function opinionComesFirst(study: Case): boolean {
  return study.blind && !study.feedback.some((entry) => entry.mine);
}

/** Why reader mode shows the model's say at once; null where the reader's opinion came before it. */
export function noOpinionFirst(study: Case): string | null {
  if (blindOpinion(study)) return null;
  if (study.feedback.some((entry) => entry.mine)) return "Your feedback on this case is there already, so no opinion is asked for first.";
  return study.blind ? null : "What the model says of this case was sent to you before, with the worklist or the case, so an opinion now would not be from before it.";
}

/** The newest prediction of a case. */
export function latest(study: Case): Prediction | null {
  return study.predictions[study.predictions.length - 1] ?? null;
}

/** Labels that a reader can give, and whether exactly one of them holds. */
export interface Choice {
  labels: string[];
  exclusive: boolean;
}

/** From the model's own description, else from its prediction; null where nobody says. */
export function choiceOf(model: Model | null, prediction: Prediction | null): Choice | null {
  if (model?.labels) {
    const exclusive = model.exclusive ?? false;
    return { labels: exclusive ? model.labels : (model.findings ?? model.labels), exclusive };
  }
  if (!prediction || prediction.findings.length === 0) return null;
  const exclusive = prediction.findings.some((label) => !label.is_finding);
  return { labels: prediction.findings.map((label) => label.name), exclusive };
}

/** Labels of a reader as words; of findings that do not exclude each other none is an answer too. */
export function labelsWords(labels: readonly string[]): string {
  return labels.length > 0 ? listed(labels, "and") : "none of the findings";
}

const KINDS: { [kind in Feedback["kind"]]: string } = {
  opinion: "Opinion, not known to be from before the model's",
  agree: "Agrees with the model",
  disagree: "Disagrees with the model",
  correct: "Correct label",
};

/** One entry of feedback as a line. */
export function feedbackWords(entry: Feedback): string {
  const says = entry.kind === "opinion" || entry.kind === "correct" ? `: ${labelsWords(entry.labels)}` : "";
  return (entry.blind ? "Opinion before the model's" : KINDS[entry.kind]) + says;
}

/** For each finding what the reader said and what the model did, and whether they go together. */
export interface Comparison {
  finding: string;
  reader: boolean;
  model: boolean | null;
}

export function compared(opinion: Feedback, findings: readonly Finding[]): Comparison[] {
  return findings
    .filter((finding) => finding.is_finding)
    .map((finding) => ({ finding: finding.name, reader: opinion.labels.includes(finding.name), model: finding.flagged }));
}
