import type { Finding } from "../api/contract.ts";
import type { Part } from "../Page.tsx";
import { sentence } from "../words/lists.ts";
import { distanceWords, estimate, flagWords, percent, scalePlace, scoreDetail, scoreWords } from "../words/probability.ts";

/** One finding: its flag, how far the score is from the operating point, how good that point is, and where to look. */
export function FindingRow({ app, state, finding }: Part & { finding: Finding }) {
  const place = scalePlace(finding);
  const on = state.overlay?.finding === finding.name;
  return (
    <article class={finding.flagged ? "finding flagged" : "finding"} aria-label={finding.name}>
      <div class="finding-top">
        <h4><span class="sign" aria-hidden="true">{finding.flagged ? "▲" : "○"}</span> {finding.name}</h4>
        <span class="verdict">{flagWords(finding)}</span>
        <button type="button" aria-pressed={on} aria-label={`${on ? "Hide why" : "Why"}: heatmap of ${finding.name}`} onClick={() => app.toggleOverlay(finding.name)}>{on ? "Hide why" : "Why"}</button>
      </div>
      {finding.deployment && <p class="probability">{scoreWords(finding)}</p>}
      {place !== null && <Scale place={place} words={distanceWords(finding)} />}
      {!finding.deployment && <p class="small">{scoreWords(finding)}</p>}
      <dl class="rates">
        <div><dt>Sensitivity</dt><dd>{estimate(finding.sensitivity)}</dd></div>
        <div><dt>Specificity</dt><dd>{estimate(finding.specificity)}</dd></div>
      </dl>
      <details>
        <summary>Numbers</summary>
        <dl class="pairs tight">
          <dt>Calibrated probability</dt><dd>{scoreDetail(finding)}</dd>
          <dt>Operating point</dt><dd>{percent(finding.operating_point)}, in the same unit</dd>
          <dt>Can be excluded</dt><dd>{finding.in_set === null ? "no set" : finding.in_set ? "no" : "yes"}</dd>
          <dt>Tested on</dt><dd>{testedWords(finding)}</dd>
        </dl>
      </details>
    </article>
  );
}

function testedWords(finding: Finding): string {
  const [present, absent] = [finding.sensitivity?.patients ?? null, finding.specificity?.patients ?? null];
  if (present === null || absent === null) return "not known";
  return `${present} patients with it and ${absent} without, of the test split`;
}

/** A line whose middle is the operating point. */
function Scale({ place, words }: { place: number; words: string }) {
  return (
    <div class="scale">
      <svg width="100%" height="22" role="img" aria-label={`Score ${words}`}>
        <rect class="below" x="0" y="9" width="50%" height="4" rx="2" />
        <rect class="above" x="50%" y="9" width="50%" height="4" rx="2" />
        <rect class="point" x="50%" y="2" width="2" height="18" transform="translate(-1 0)" />
        <circle class="score" cx={`${3 + place * 94}%`} cy="11" r="6" />
      </svg>
      <p class="scale-words">{sentence(words).slice(0, -1)}</p>
    </div>
  );
}
