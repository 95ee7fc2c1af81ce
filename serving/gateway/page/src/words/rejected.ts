/** Why a file of an upload gives no image, and which of them it is. */

import type { RejectedFile } from "../api/contract.ts";
import { sentence } from "./lists.ts";

/** A file that gives no image: its place in the upload from 1, archives expanded, and why. */
export interface Rejection {
  file: number;
  reason: string;
}

/** The gateway's reason without the code word before it, which is for programs. */
export function plainReason(words: string): string {
  return words.replace(/\b(?:not_dicom|no_pixels|unsupported|corrupt): /g, "");
}

/**
 * One file as a line.
 *
 * @param names - of the files that this tab sent, where they are known; the gateway is not told them.
 */
export function rejectionWords(rejection: Rejection | RejectedFile, names: readonly string[]): string {
  const name = names[rejection.file - 1];
  return `File ${rejection.file}${name ? ` (${name})` : ""}: ${sentence(plainReason(rejection.reason))}`;
}

/** The files of a problem's `errors`, as the gateway numbers them. */
export function rejectionsOf(errors: readonly { [key: string]: unknown }[]): Rejection[] {
  return errors.flatMap(({ loc, msg }) => {
    const file = Array.isArray(loc) && loc[0] === "files" ? Number(loc[1]) : NaN;
    return Number.isInteger(file) && typeof msg === "string" ? [{ file, reason: plainReason(msg) }] : [];
  });
}
