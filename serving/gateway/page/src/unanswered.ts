/** What stays of a model that does not answer: what it is, and the cases to ask it about when it answers again. */

import type { Declared, Model } from "./api/contract.ts";
import type { Failure } from "./api/problems.ts";

/** What was asked, and what came instead of an answer. */
export interface Question {
  caseId: string;
  model: string;
  declared: Partial<Declared>;
  failure: Failure;
}

export class Unanswered {
  private readonly questions = new Map<string, Question>();

  add(question: Question): void {
    this.questions.set(question.caseId, question);
  }

  drop(caseId: string): void {
    this.questions.delete(caseId);
  }

  /** Whether something is to be asked again: that of a case, or that which a failure is of. */
  awaits(of: string | Failure, models: readonly Model[]): boolean {
    const question = [...this.questions.values()].find((one) => one.caseId === of || one.failure === of);
    return models.some((model) => model.name === question?.model && !model.available);
  }

  /** Takes out those whose model answers now. */
  take(answering: readonly string[]): Question[] {
    const taken = [...this.questions.values()].filter((question) => answering.includes(question.model));
    for (const { caseId } of taken) this.questions.delete(caseId);
    return taken;
  }
}

/** A model that does not answer, with what it said of itself before: its labels do not change by that. */
export function remembered(model: Model, former: readonly Model[]): Model {
  const was = former.find((other) => other.name === model.name);
  return was && !model.available ? { ...was, available: false, version: null } : model;
}
