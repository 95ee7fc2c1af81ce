/** Errors of the gateway, in words that say what to do. */

import type { Problem } from "./contract.ts";
import { rejectionsOf, rejectionWords } from "../words/rejected.ts";

/** An answer that is none: what the gateway said, or that it could not be reached (status 0). */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly kind: string,
    readonly requestId: string,
    readonly retryAfter: number | null,
    /** What was wrong with each file, a line each. */
    readonly files: readonly string[] = [],
  ) {
    super(message);
  }

  /** Whether the same request may be answered a little later. */
  get passing(): boolean {
    return this.status === 429 || this.status === 503;
  }
}

const ADVICE: { [kind: string]: string } = {
  unauthenticated: "Enter a key that this gateway knows.",
  forbidden: "Ask the person who runs this gateway for the right to do so.",
  "not-found": "It may have been deleted, or its time has run out. Choose another case.",
  "too-large": "Send fewer or smaller files, for example one study at a time.",
  "no-image": "Choose DICOM, PNG, JPEG or NIfTI files, or a zip of them.",
  "too-many-requests": "Wait a little, then try again.",
  unavailable: "What is on the page can be read meanwhile. Try again in a little while.",
  "model-refused": "Read without the model, and tell the person who runs it.",
  internal: "Try once more. If it happens again, tell the person who runs this gateway the number below.",
  "no-address": "Choose a case from the worklist, or ask again for the link.",
  unreachable: "Check the network, then try again. Nothing that was sent before is lost.",
};

/** What can be done about a failure; empty where its own words say it. */
export function advice(failure: Failure): string {
  return ADVICE[failure.kind] ?? "";
}

/** Makes a failure of an answer that is not OK; `names` are those of files that were sent, where they are known. */
export function failureOf(
  status: number, body: string, header: (name: string) => string | null, names: readonly string[] = [],
): Failure {
  const problem = parsed(body);
  const kind = problem ? (problem.type.split("/").pop() ?? "") : status >= 500 ? "internal" : "";
  const words = problem ? problem.detail || problem.title : `The gateway answered ${status} without a reason.`;
  const files = kind === "no-image" ? rejectionsOf(problem?.errors ?? []).map((one) => rejectionWords(one, names)) : [];
  // The first file's reason follows in the list of files.
  const whole = files.length > 0 ? words.replace(/; the first: .*/s, "") : words;
  return new Failure(status, whole, kind, problem?.request_id ?? "", seconds(header("Retry-After")), files);
}

/** The page's own address names nothing that there is. */
export function noSuchAddress(): Failure {
  return new Failure(404, "This address names no case.", "no-address", "", null);
}

/** The gateway was not reached at all. */
export function unreachable(): Failure {
  return new Failure(0, "The gateway cannot be reached.", "unreachable", "", null);
}

function parsed(body: string): Problem | null {
  try {
    const value = JSON.parse(body) as Problem;
    return typeof value.type === "string" && typeof value.detail === "string" ? value : null;
  } catch {
    return null;
  }
}

function seconds(header: string | null): number | null {
  const value = Number(header);
  return header !== null && Number.isFinite(value) && value >= 0 ? value : null;
}
