import { useState } from "preact/hooks";
import type { Declared, Stated, Withheld } from "../api/contract.ts";
import type { Part } from "../Page.tsx";
import { sentence } from "../words/lists.ts";
import { WITHHELD } from "../words/triage.ts";

/** Why there are no scores, and the form to state what the header does not say, where that is allowed. */
export function ScopeNotice({ app, state, withheld }: Part & { withheld: Withheld }) {
  return (
    <section class="scope" aria-labelledby="scope-title">
      <h3 id="scope-title"><span aria-hidden="true" class="sign">⊘</span> No scores for this case</h3>
      <p>{sentence(withheld.message)}</p>
      <ul class="codes">{withheld.codes.map((code) => <li key={code}>{WITHHELD[code]}</li>)}</ul>
      <p>Read it without the model.</p>
      {withheld.declare.length > 0 && <DeclareForm app={app} state={state} asked={withheld.declare} />}
    </section>
  );
}

function DeclareForm({ app, state, asked }: Part & { asked: Stated[] }) {
  const [stated, setStated] = useState<Partial<Declared>>({});
  const busy = state.work !== null && state.work.kind !== "failed";
  const whole = asked.every((name) => stated[name] !== undefined && stated[name] !== null && stated[name] !== "");
  const send = (event: Event): void => {
    event.preventDefault();
    if (whole) void app.ask(stated);
  };
  return (
    <form class="declare" onSubmit={send}>
      <h4>State what the header does not say</h4>
      <p class="small">State only what you know of these images. It is kept in the audit log with who stated it, and cannot change what a header says.</p>
      {asked.includes("modality") && (
        <Named name="Modality" offered={app.model?.modalities ?? []} value={stated.modality ?? ""} onValue={(modality) => setStated({ ...stated, modality })} pattern="[A-Za-z]{2,16}" />
      )}
      {asked.includes("view") && (
        <Named name="View" offered={app.model?.views ?? []} value={stated.view ?? ""} onValue={(view) => setStated({ ...stated, view })} pattern="[A-Za-z0-9_]{1,16}" />
      )}
      {asked.includes("age_years") && (
        <label class="field">
          Age in years
          <input type="number" min={0} max={130} step="any" required inputMode="decimal" value={stated.age_years ?? ""} onInput={(event) => setStated({ ...stated, age_years: event.currentTarget.value === "" ? null : event.currentTarget.valueAsNumber })} />
        </label>
      )}
      <button type="submit" class="primary" disabled={!whole || busy}>State it and ask the model</button>
    </form>
  );
}

/** A choice among what the model was made for, or anything else. */
function Named({ name, offered, value, onValue, pattern }: { name: string; offered: string[]; value: string; onValue: (value: string) => void; pattern: string }) {
  const [other, setOther] = useState(offered.length === 0);
  return (
    <div class="field">
      <label>
        {name}
        {offered.length > 0 && (
          <select required value={other ? "*" : value} onChange={(event) => { const to = event.currentTarget.value; setOther(to === "*"); onValue(to === "*" ? "" : to); }}>
            <option value="">Choose…</option>
            {offered.map((option) => <option key={option} value={option}>{option}</option>)}
            <option value="*">Something else</option>
          </select>
        )}
        {offered.length === 0 && <input required pattern={pattern} value={value} onInput={(event) => onValue(event.currentTarget.value)} />}
      </label>
      {other && offered.length > 0 && <label>Which {name.toLowerCase()}<input required pattern={pattern} value={value} onInput={(event) => onValue(event.currentTarget.value)} /></label>}
    </div>
  );
}
