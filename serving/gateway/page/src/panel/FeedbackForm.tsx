import type { Case, FeedbackKind, Prediction } from "../api/contract.ts";
import type { Part } from "../Page.tsx";
import { choiceOf, feedbackWords } from "../words/reading.ts";
import { useDraft, type Draft } from "./drafts.ts";
import { LabelChoice } from "./LabelChoice.tsx";

type Kind = Exclude<FeedbackKind, "opinion">;

const KINDS: [Kind, string][] = [
  ["agree", "Agree"],
  ["disagree", "Disagree"],
  ["correct", "Correct label"],
];

/** Feedback on the model's say, below the findings and always in sight; what was begun is there again after another case. */
export function FeedbackForm({ app, state, prediction }: Part & { prediction: Prediction }) {
  const [draft, change, drop] = useDraft(state.study?.id ?? "");
  const { labels, comment } = draft;
  const choice = choiceOf(app.model, prediction);
  const kinds = KINDS.filter(([name]) => (name === "correct" ? choice !== null : prediction.withheld === null));
  const kind = kinds.find(([name]) => name === begun(draft))?.[0] ?? null;
  const whole = kind !== null && (kind !== "correct" || choice === null || !choice.exclusive || labels.length === 1);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (!whole || kind === null) return;
    const kept = await app.give({ kind, labels: kind === "correct" ? labels : [], comment, prediction: prediction.id });
    if (!kept) return;
    drop();
    document.querySelector(".given li")?.scrollIntoView({ block: "nearest" });
  };
  return (
    <form class="feedback" onSubmit={(event) => void send(event)}>
      <h3>Your feedback</h3>
      <div class="group" role="group" aria-label="Feedback">
        {kinds.map(([name, words]) => (
          <button key={name} type="button" aria-pressed={kind === name} onClick={() => change({ kind: kind === name ? null : name })}>{words}</button>
        ))}
      </div>
      {kind === "correct" && choice && <LabelChoice choice={choice} chosen={labels} onChosen={(chosen) => change({ labels: chosen })} legend={choice.exclusive ? "The correct label" : "The findings that are there"} name="correct" />}
      {kind !== null && (
        <>
          <label class="field">Comment (may stay empty)
            <textarea rows={2} maxLength={2000} value={comment} onInput={(event) => change({ comment: event.currentTarget.value })} />
          </label>
          <p class="small">Do not write names, numbers or dates of patients.</p>
          <button type="submit" class="primary" disabled={!whole || state.saving}>Keep feedback</button>
        </>
      )}
    </form>
  );
}

/** The kind that was begun: an opinion without the model, whose say came meanwhile, goes on as a correct label. */
function begun(draft: Draft): Kind | null {
  return draft.kind === "opinion" ? "correct" : draft.kind;
}

/** All feedback on a case, the newest first. */
export function FeedbackList({ study }: { study: Case }) {
  if (study.feedback.length === 0) return null;
  return (
    <section class="given" aria-labelledby="given-title">
      <h3 id="given-title">Feedback so far</h3>
      <ul>
        {[...study.feedback].reverse().map((entry) => (
          <li key={entry.id}>
            <strong>{feedbackWords(entry)}</strong>
            {entry.comment && <q>{entry.comment}</q>}
            <span class="small">{entry.mine ? "you" : `reader ${entry.author.slice(0, 8)}`}, {new Date(entry.created_at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
