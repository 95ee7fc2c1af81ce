/** What is said of a finding's score: never a bare percentage where the place's own prevalence was not declared. */

import type { Finding, Interval, Prediction } from "../api/contract.ts";
import { listed } from "./lists.ts";

/** A share as a percentage: one decimal below 10 % and above 90 %, where it matters, and never a false certainty. */
export function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "under 0.1 %";
  if (value < 100 && value > 99.9) return "over 99.9 %";
  const rounded = value < 10 || value > 90 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(0);
  return `${rounded} %`;
}

/** An estimate with its 95 % interval, or why there is none: `91 % (80 to 97 %)`. */
export function estimate(interval: Interval | null): string {
  if (interval === null) return "not known";
  const { value, lower, upper } = interval;
  if (value === null) return `not known${interval.note ? `: ${interval.note}` : ""}`;
  if (lower === null || upper === null) return `${rate(value, 0)} %`;
  // A decimal only where the interval is so narrow that it means something.
  const decimals = upper - lower < 0.03 ? 1 : 0;
  return `${rate(value, decimals)} % (${rate(lower, decimals)} to ${rate(upper, decimals)} %)`;
}

function rate(share: number, decimals: number): string {
  const rounded = (share * 100).toFixed(decimals);
  if (Number(rounded) < 100 || share === 1) return rounded;
  return `over ${(100 - 10 ** -decimals).toFixed(decimals)}`;
}

/** An area under the curve or the like, 0..1, with its 95 % interval: `0.95 (0.91 to over 0.99)`. */
export function estimateOfOne(interval: Interval | null): string {
  if (interval === null || interval.value === null) return estimate(interval);
  const { value, lower, upper } = interval;
  if (lower === null || upper === null) return hundredths(value);
  return `${hundredths(value)} (${hundredths(lower)} to ${hundredths(upper)})`;
}

function hundredths(value: number): string {
  const rounded = value.toFixed(2);
  return rounded === "1.00" && value < 1 ? "over 0.99" : rounded;
}

/** How many log odds the half of the scale stands for: a factor of 55 of the odds. */
const HALF_SCALE = 4;

/** How far a score lies above its operating point, in log odds; 0 at it. */
export function distance(finding: Finding): number | null {
  if (finding.probability === null) return null;
  return logit(finding.probability) - logit(finding.operating_point);
}

/** The same on a scale of 0..1 whose middle is the operating point. */
export function scalePlace(finding: Finding): number | null {
  const off = distance(finding);
  return off === null ? null : Math.min(1, Math.max(0, 0.5 + off / (2 * HALF_SCALE)));
}

/** The distance in words. */
export function distanceWords(finding: Finding): string {
  const off = distance(finding);
  if (off === null) return "no score is shown";
  const side = off >= 0 ? "above" : "below";
  const size = Math.abs(off);
  if (size < 0.25) return off >= 0 ? "at or barely above the operating point" : "barely below the operating point";
  if (size < 1) return `a little ${side} the operating point`;
  return size < 2.5 ? `clearly ${side} the operating point` : `far ${side} the operating point`;
}

/** Whether a finding is flagged, in words. */
export function flagWords(finding: Finding): string {
  if (finding.flagged === null) return "No say";
  return finding.flagged ? "Flagged" : "Not flagged";
}

/** What the score holds at; with the number itself only where the place of use declared its prevalence. */
export function scoreWords(finding: Finding): string {
  if (finding.probability === null) return "The score is withheld.";
  if (finding.deployment) {
    return `Probability ${percent(finding.probability)}, where ${percent(finding.prevalence)} of patients have it, as declared for this place.`;
  }
  return (
    `The score holds where ${percent(finding.prevalence)} of patients have this finding (calibration data). ` +
    "None was declared for this place: it is no patient's chance here."
  );
}

/** The number of the details view, which always names its prevalence. */
export function scoreDetail(finding: Finding): string {
  if (finding.probability === null) return "withheld";
  const where = finding.deployment ? "declared for this place" : "of the calibration data, not of this place";
  return `${percent(finding.probability)} at a prevalence of ${percent(finding.prevalence)} (${where})`;
}

/** The prediction set as a sentence; empty where there is none. */
export function setWords(prediction: Prediction): string {
  if (prediction.coverage === null || prediction.withheld !== null) return "";
  const labels = prediction.findings;
  if (labels.every((label) => label.in_set === null)) return "";
  const inside = labels.filter((label) => label.in_set).map((label) => label.name);
  const promise = `In ${percent(prediction.coverage)} of such patients the true label is among those that are not excluded.`;
  const independent = labels.some((label) => label.absence_in_set !== null);
  if (independent) return `${independentSet(prediction)} ${promise}`;
  if (inside.length === 0) return `No label fits: this image is unlike those that the sets were made from. ${promise}`;
  if (inside.length === labels.length) return `No label can be excluded: the model does not know. ${promise}`;
  const several = inside.length > 1 ? " The model does not know which." : "";
  return `Cannot be excluded: ${listed(inside, "or")}.${several} ${promise}`;
}

function independentSet(prediction: Prediction): string {
  const open = prediction.findings.filter((label) => label.in_set && label.absence_in_set !== false);
  const present = prediction.findings.filter((label) => label.in_set && label.absence_in_set === false);
  const excluded = prediction.findings.filter((label) => label.in_set === false);
  const parts = [
    present.length ? `Absence is excluded: ${listed(present.map((label) => label.name), "and")}.` : "",
    open.length ? `Undecided: ${listed(open.map((label) => label.name), "and")}.` : "",
    excluded.length ? `Presence is excluded: ${listed(excluded.map((label) => label.name), "and")}.` : "",
  ];
  return parts.filter(Boolean).join(" ");
}

function logit(share: number): number {
  const inside = Math.min(1 - 1e-9, Math.max(1e-9, share));
  return Math.log(inside / (1 - inside));
}
