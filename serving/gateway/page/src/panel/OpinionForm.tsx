import { useState } from "preact/hooks";
import type { Part } from "../Page.tsx";
import { choiceOf } from "../words/reading.ts";
import { LabelChoice } from "./LabelChoice.tsx";

/** In reader mode: the reader's own opinion, before the model's say is on the page. */
export function OpinionForm({ app, state }: Part) {
  const [labels, setLabels] = useState<string[]>([]);
  const [comment, setComment] = useState("");
  const choice = choiceOf(app.model, null);
  const whole = choice !== null && (!choice.exclusive || labels.length === 1);
  const send = (event: Event): void => {
    event.preventDefault();
    if (whole) void app.give({ kind: "opinion", labels, comment, prediction: null });
  };
  return (
    <form class="opinion" onSubmit={send}>
      <h3>Your opinion first</h3>
      <p>Readers follow suggestions, wrong ones too. So the model's say comes after yours, side by side with it.</p>
      {choice === null && <p class="notice">The model server does not answer, so its labels are not known. Read without it, or try again later.</p>}
      {choice && <LabelChoice choice={choice} chosen={labels} onChosen={setLabels} legend={choice.exclusive ? "What do you see?" : "Which of these do you see?"} name="opinion" />}
      <label class="field">Comment (may stay empty)
        <textarea rows={2} maxLength={2000} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
      <p class="small">Do not write names, numbers or dates of patients.</p>
      <button type="submit" class="primary" disabled={!whole || state.saving}>Keep my opinion and show the model's</button>
      <p class="small">It cannot be changed afterwards.</p>
    </form>
  );
}
