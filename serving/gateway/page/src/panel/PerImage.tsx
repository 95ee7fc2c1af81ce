import type { Prediction } from "../api/contract.ts";
import type { Part } from "../Page.tsx";
import { distanceWords, flagWords } from "../words/probability.ts";

/** What is said of each image, where there are several. */
export function PerImage({ app, state, prediction }: Part & { prediction: Prediction }) {
  const images = state.study?.image_list ?? [];
  if (prediction.images.length < 2) return null;
  return (
    <details>
      <summary>{prediction.unit === "study" ? "Each image by itself (the findings above are the study's)" : "Each image by itself (above: the highest of each finding)"}</summary>
      <ul class="per-image">
        {prediction.images.map((said) => {
          const index = images.findIndex((image) => image.id === said.image);
          const frames = images[index]?.pixels.frames ?? 1;
          return (
            <li key={`${said.image}/${said.frame}`}>
              <button type="button" class="quiet" onClick={() => app.showImage(index, said.frame)}>Image {index + 1}{frames > 1 ? `, frame ${said.frame}` : ""}</button>
              <ul>
                {said.findings.filter((finding) => finding.is_finding).map((finding) => (
                  <li key={finding.name}>{finding.flagged ? "▲" : "○"} {finding.name}: {flagWords(finding).toLowerCase()}, {distanceWords(finding)}</li>
                ))}
              </ul>
            </li>
          );
        })}
      </ul>
    </details>
  );
}
