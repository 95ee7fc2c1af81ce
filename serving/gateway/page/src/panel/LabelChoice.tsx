import type { Choice } from "../words/reading.ts";

interface Props {
  choice: Choice;
  chosen: string[];
  legend: string;
  onChosen: (labels: string[]) => void;
  name: string;
}

/** Labels to choose: one of those that exclude each other, else any number. */
export function LabelChoice({ choice, chosen, legend, onChosen, name }: Props) {
  const toggled = (label: string, on: boolean): void => {
    if (choice.exclusive) onChosen([label]);
    else onChosen(choice.labels.filter((other) => (other === label ? on : chosen.includes(other))));
  };
  return (
    <fieldset class="labels">
      <legend>{legend}</legend>
      {choice.labels.map((label) => (
        <label key={label} class="check">
          <input type={choice.exclusive ? "radio" : "checkbox"} name={name} checked={chosen.includes(label)} onChange={(event) => toggled(label, event.currentTarget.checked)} />
          {label}
        </label>
      ))}
      {!choice.exclusive && <p class="small">None chosen means: none of these.</p>}
    </fieldset>
  );
}
