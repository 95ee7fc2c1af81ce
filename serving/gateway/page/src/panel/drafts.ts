/** What a reader began to say of each case and did not keep yet; it lives in this tab's memory alone. */

import { useState } from "preact/hooks";
import type { FeedbackKind } from "../api/contract.ts";

export interface Draft {
  kind: FeedbackKind | null;
  labels: string[];
  comment: string;
}

const BLANK: Draft = { kind: null, labels: [], comment: "" };
const drafts = new Map<string, Draft>();

/** The draft of a case, how to change it, and how to drop it. */
export function useDraft(caseId: string): [Draft, (change: Partial<Draft>) => void, () => void] {
  const [draft, setDraft] = useState<Draft>(drafts.get(caseId) ?? BLANK);
  const change = (by: Partial<Draft>): void => {
    const changed = { ...(drafts.get(caseId) ?? BLANK), ...by };
    drafts.set(caseId, changed);
    setDraft(changed);
  };
  const drop = (): void => {
    drafts.delete(caseId);
    setDraft(BLANK);
  };
  return [draft, change, drop];
}
