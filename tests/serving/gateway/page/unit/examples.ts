/** Answers of the gateway for the tests to change. */

import type { Case, CaseSummary, Feedback, Finding, Pixels, Prediction } from "../../../../../serving/gateway/page/src/api/contract.ts";

export function pixels(change: Partial<Pixels> = {}): Pixels {
  return {
    rows: 100, columns: 200, frames: 1, dtype: "uint16", samples: 1, slope: 1, intercept: 0, inverted: false, unit: "",
    windows: [], aspect: 1, spacing_mm: null, ...change,
  };
}

export function finding(change: Partial<Finding> = {}): Finding {
  return {
    name: "nodule", probability: 0.5, prevalence: 0.3, deployment: false, operating_point: 0.5, flagged: true, in_set: true,
    absence_in_set: null, sensitivity: null, specificity: null, is_finding: true, ...change,
  };
}

export function prediction(change: Partial<Prediction> = {}): Prediction {
  return {
    id: "0", created_at: "2026-03-05T09:30:00Z", model: { name: "chest", version: 1, approved: false, approval: null },
    unit: "image", withheld: null, findings: [finding()], images: [], coverage: 0.9, calibrated: true, not_assessable: [],
    intended_use: "", note: "", ...change,
  };
}

export function row(change: Partial<CaseSummary> = {}): CaseSummary {
  return {
    id: "0", number: 1, created_at: "2026-03-05T09:30:00Z", expires_at: null, status: "predicted", model: "chest", modality: "DX",
    images: 1, flagged: [], urgency: -1, withheld: [], read: false, sample: false, thumbnail: null, ...change,
  };
}

export function study(change: Partial<Case> = {}): Case {
  return { ...row(), image_list: [], rejected: [], declared: null, predictions: [prediction()], feedback: [], blind: false, ...change };
}

export function feedback(change: Partial<Feedback> = {}): Feedback {
  return {
    id: "0", created_at: "2026-03-05T09:30:00Z", author: "a", mine: true, kind: "opinion", labels: ["nodule"], comment: "",
    prediction: null, blind: true, ...change,
  };
}
