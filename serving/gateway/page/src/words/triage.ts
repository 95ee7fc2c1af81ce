/** What a row of the worklist says. */

import type { CaseSummary, WithheldCode } from "../api/contract.ts";
import { listed } from "./lists.ts";

/** Reasons for which scores are withheld, short enough for a row. */
export const WITHHELD: { [code in WithheldCode]: string } = {
  modality_mismatch: "another modality",
  view_mismatch: "another view",
  age_mismatch: "outside the age range",
  modality_unknown: "modality not stated",
  view_unknown: "view not stated",
  age_unknown: "age not stated",
  out_of_distribution: "unlike the training images",
  burned_in_text: "text in the pixels",
  not_accepted: "not accepted by the model",
};

export type Mark = "flagged" | "clear" | "withheld" | "failed" | "waiting" | "hidden";

/** The kind of row, which has a sign and a colour of its own. */
export function rowMark(row: CaseSummary): Mark {
  if (row.status === "withheld") return "withheld";
  if (row.status === "failed") return "failed";
  if (row.status === "uploaded") return "waiting";
  if (row.status === "hidden") return "hidden";
  return row.flagged.length > 0 ? "flagged" : "clear";
}

/** The sign of a mark: shapes differ, so that nothing hangs on colour. */
export const SIGNS: { [mark in Mark]: string } = {
  flagged: "▲",
  clear: "○",
  withheld: "⊘",
  failed: "!",
  waiting: "…",
  hidden: "•",
};

/** The row in words. */
export function rowWords(row: CaseSummary, hidden = false): string {
  switch (hidden ? "hidden" : rowMark(row)) {
    case "flagged":
      return listed(row.flagged, "and");
    case "withheld":
      return `No scores: ${listed(row.withheld.map((code) => WITHHELD[code]), "and") || "outside the model's scope"}`;
    case "failed":
      return "The model did not answer";
    case "waiting":
      return "Not asked yet";
    case "hidden":
      return "Read it first";
    default:
      return "Nothing flagged";
  }
}

/** When a case came, for a list: the time today, else the day. */
export function whenWords(iso: string, now: Date): string {
  const at = new Date(iso);
  if (at.toDateString() === now.toDateString()) {
    return at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  }
  return at.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}
