import type { Part } from "../Page.tsx";
import { Thumbnail } from "../worklist/Thumbnail.tsx";
import { latest } from "../words/reading.ts";

/** The images of a case side by side, where it has several. */
export function Strip({ app, state }: Part) {
  const { study } = state;
  if (!study || study.image_list.length < 2) return null;
  const prediction = latest(study);
  return (
    <ol class="strip" aria-label="Images of the case">
      {study.image_list.map((image, index) => {
        const flagged = (prediction?.images ?? [])
          .filter((said) => said.image === image.id)
          .flatMap((said) => said.findings.filter((finding) => finding.is_finding && finding.flagged).map((finding) => finding.name));
        const what = [image.modality, image.view].filter(Boolean).join(" ");
        return (
          <li key={image.id}>
            <button type="button" aria-pressed={index === state.image} onClick={() => app.showImage(index)}
              aria-label={`Image ${index + 1}${what ? `, ${what}` : ""}${flagged.length ? `, flagged: ${[...new Set(flagged)].join(", ")}` : ""}`}>
              <Thumbnail caseId={study.id} image={image.id} />
              <span class="small">{index + 1} {what}{flagged.length > 0 && <span class="flag-sign"> ▲</span>}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
