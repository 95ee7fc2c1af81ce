/** What a reader has said of a case, and what the page may show before that. */

import type { Case, Feedback, Finding, Model, Prediction } from "../api/contract.ts";
import { blindRow } from "./triage.ts";
import { listed } from "./lists.ts";

/** The reader's own latest opinion, from before the model's say was shown; null where there is none. */
export function ownOpinion(study: Case): Feedback | null {
  const own = study.feedback.filter((entry) => entry.mine && entry.kind === "opinion");
  return own[own.length - 1] ?? null;
}

/** A case without anything that the model said of it. */
export function blindCase(study: Case): Case {
  return { ...blindRow(study), predictions: [], feedback: study.feedback.filter((entry) => entry.kind === "opinion") };
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
  opinion: "Opinion before the model's",
  agree: "Agrees with the model",
  disagree: "Disagrees with the model",
  correct: "Correct label",
};

/** One entry of feedback as a line. */
export function feedbackWords(entry: Feedback): string {
  const says = entry.kind === "opinion" || entry.kind === "correct" ? `: ${labelsWords(entry.labels)}` : "";
  return KINDS[entry.kind] + says;
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
