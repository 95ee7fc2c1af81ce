/**
 * What the gateway answers and takes, as `serving/gateway/schemas` has it; a test compares every name of the two.
 */

export type Check = "match" | "mismatch" | "unknown";
export type Stated = "modality" | "view" | "age_years";
export type CaseStatus = "uploaded" | "predicted" | "withheld" | "failed" | "hidden";
export type FeedbackKind = "opinion" | "agree" | "disagree" | "correct";
export type WithheldCode =
  | "modality_mismatch"
  | "view_mismatch"
  | "age_mismatch"
  | "modality_unknown"
  | "view_unknown"
  | "age_unknown"
  | "out_of_distribution"
  | "burned_in_text"
  | "not_accepted";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  request_id: string;
  errors?: { [key: string]: unknown }[] | null;
}

export interface Interval {
  value: number | null;
  lower: number | null;
  upper: number | null;
  patients: number | null;
  note: string;
}

export interface Window {
  center: number;
  width: number;
  explanation: string;
}

export interface Pixels {
  rows: number;
  columns: number;
  frames: number;
  dtype: "uint8" | "uint16";
  samples: 1 | 3;
  slope: number;
  intercept: number;
  inverted: boolean;
  unit: string;
  windows: Window[];
  aspect: number;
  spacing_mm: [number, number] | null;
}

export interface Image {
  id: string;
  file: number;
  format: "DICOM" | "PNG" | "JPEG" | "NIfTI";
  pixels: Pixels;
  modality: string;
  view: string;
  sex: string;
  age_years: number | null;
  burned_in_text: boolean;
}

export interface RejectedFile {
  file: number;
  status: "not_dicom" | "no_pixels" | "unsupported" | "corrupt";
  reason: string;
}

export interface Declared {
  modality: string | null;
  view: string | null;
  age_years: number | null;
}

export interface CaseSummary {
  id: string;
  number: number;
  created_at: string;
  expires_at: string | null;
  status: CaseStatus;
  model: string;
  modality: string;
  images: number;
  flagged: string[];
  urgency: number | null;
  withheld: WithheldCode[];
  read: boolean;
  sample: boolean;
  thumbnail: string | null;
}

export interface Case extends CaseSummary {
  image_list: Image[];
  rejected: RejectedFile[];
  declared: Declared | null;
  predictions: Prediction[];
  feedback: Feedback[];
  blind: boolean;
}

export interface CaseList {
  cases: CaseSummary[];
  total: number;
  next: string | null;
}

export interface Withheld {
  codes: WithheldCode[];
  message: string;
  declare: Stated[];
}

export interface Scope {
  out_of_distribution: boolean | null;
  score: number | null;
  threshold: number | null;
  modality: Check;
  view: Check;
  age: Check;
  declared: Stated[];
}

export interface Finding {
  name: string;
  probability: number | null;
  prevalence: number;
  deployment: boolean;
  operating_point: number;
  flagged: boolean | null;
  in_set: boolean | null;
  absence_in_set: boolean | null;
  sensitivity: Interval | null;
  specificity: Interval | null;
  is_finding: boolean;
}

export interface ImagePrediction {
  image: string;
  frame: number;
  scope: Scope;
  findings: Finding[];
}

export interface Approval {
  version: number;
  by: string;
  role: string;
  statement: string;
  at: string;
}

export interface ModelVersion {
  name: string;
  version: number;
  approved: boolean;
  approval: Approval | null;
}

export interface Prediction {
  id: string;
  created_at: string;
  model: ModelVersion;
  unit: "image" | "study";
  withheld: Withheld | null;
  findings: Finding[];
  images: ImagePrediction[];
  coverage: number | null;
  calibrated: boolean;
  not_assessable: string[];
  intended_use: string;
  note: string;
}

export interface PredictionRequest {
  declared?: Partial<Declared>;
  model?: string | null;
}

export interface FeedbackRequest {
  kind: FeedbackKind;
  labels: string[];
  comment: string;
  prediction: string | null;
}

export interface Feedback {
  id: string;
  created_at: string;
  author: string;
  mine: boolean;
  kind: FeedbackKind;
  labels: string[];
  comment: string;
  prediction: string | null;
  blind: boolean;
}

export interface Model {
  name: string;
  available: boolean;
  version: ModelVersion | null;
  title: string | null;
  intended_use: string | null;
  unit: "image" | "study" | null;
  labels: string[] | null;
  findings: string[] | null;
  exclusive: boolean | null;
  modalities: string[] | null;
  views: string[] | null;
}

export interface ModelList {
  models: Model[];
}

export interface TestedFinding {
  name: string;
  patients_with: number | null;
  patients_without: number | null;
  metrics: { [name: string]: Interval };
}

export interface ModelCard {
  model: ModelVersion;
  title: string;
  intended_use: string;
  population: string;
  reference_standard: string;
  limitations: string[];
  modalities: string[];
  views: string[];
  age_range: [number, number] | null;
  labels: string[];
  operating_points: { [label: string]: number };
  prevalence: { [label: string]: number };
  deployment_prevalence: { [label: string]: number } | null;
  unit: "image" | "study";
  test_patients: number | null;
  findings: TestedFinding[];
  not_assessable: string[];
  gates: string[];
  radflow_version: string;
  note: string;
}

export interface Session {
  subject: string;
  role: "reader" | "admin";
  group: string;
  authentication: "none" | "api_key" | "oidc";
  max_bytes: number;
  max_files: number;
  retention_days: number | null;
  samples: number;
}
