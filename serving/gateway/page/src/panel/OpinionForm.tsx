import type { Part } from "../Page.tsx";
import { choiceOf } from "../words/reading.ts";
import { useDraft } from "./drafts.ts";
import { LabelChoice } from "./LabelChoice.tsx";

/** The reader's own opinion, before the model's say is on the page: in reader mode, or where it has none (`alone`). */
export function OpinionForm({ app, state, alone = false }: Part & { alone?: boolean }) {
  const [{ labels, comment }, change, drop] = useDraft(state.study?.id ?? "");
  const choice = choiceOf(app.model, null);
  const whole = choice !== null && (!choice.exclusive || labels.length === 1);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (whole && (await app.give({ kind: "opinion", labels, comment, prediction: null }))) drop();
  };
  return (
    <form class="opinion" onSubmit={(event) => void send(event)}>
      <h3>{alone ? "Your reading without the model" : "Your opinion first"}</h3>
      <p>{alone ? "It is kept as an opinion from before the model's say. If that comes, both stand side by side." : "Readers follow suggestions, wrong ones too. So the model's say comes after yours, side by side with it."}</p>
      {choice === null && <p class="notice">The model server does not answer, so its labels are not known. Read without it, or try again later.</p>}
      {choice && <LabelChoice choice={choice} chosen={labels} onChosen={(chosen) => change({ kind: "opinion", labels: chosen })} legend={choice.exclusive ? "What do you see?" : "Which of these do you see?"} name="opinion" />}
      <label class="field">Comment (may stay empty)
        <textarea rows={2} maxLength={2000} value={comment} onInput={(event) => change({ kind: "opinion", comment: event.currentTarget.value })} />
      </label>
      <p class="small">Do not write names, numbers or dates of patients.</p>
      <button type="submit" class="primary" disabled={!whole || state.saving}>{alone ? "Keep my reading" : "Keep my opinion and show the model's"}</button>
      <p class="small">It cannot be changed afterwards.</p>
    </form>
  );
}
