import type { Feedback, Prediction } from "../api/contract.ts";
import { compared, labelsWords } from "../words/reading.ts";

/** The reader's opinion beside the model's say. */
export function Comparison({ opinion, prediction }: { opinion: Feedback; prediction: Prediction }) {
  const rows = compared(opinion, prediction.findings);
  return (
    <section class="comparison" aria-labelledby="comparison-title">
      <h3 id="comparison-title">You and the model</h3>
      <table>
        <thead><tr><th scope="col">Finding</th><th scope="col">You</th><th scope="col">Model</th><th scope="col"><span class="unseen">Together</span></th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.finding} class={row.model === null || row.model === row.reader ? "" : "differs"}>
              <th scope="row">{row.finding}</th>
              <td>{row.reader ? "yes" : "no"}</td>
              <td>{row.model === null ? "no say" : row.model ? "▲ flagged" : "○ not flagged"}</td>
              <td>{row.model === null ? "" : row.model === row.reader ? "= same" : "≠ differs"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="small">You said: {labelsWords(opinion.labels)}. {opinion.comment}</p>
    </section>
  );
}
