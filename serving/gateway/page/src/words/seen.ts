/** Which frames and images of a case the model looked at, and what of them a reader stated. */

import type { Case, Declared, Image, Prediction, Stated } from "../api/contract.ts";
import { listed } from "./lists.ts";

/** Frames of an image that the model was sent, from 1, in order; of one that it was not sent none. */
export function seenFrames(prediction: Prediction, image: Image): number[] {
  const said = prediction.images.filter((one) => one.image === image.id && one.findings.length > 0);
  return [...new Set(said.map((one) => one.frame))].sort((one, other) => one - other);
}

/** What the model did not look at, as sentences; none where it looked at everything. */
export function seenWords(prediction: Prediction, images: readonly Image[]): string[] {
  return images.flatMap((image, index) => {
    const seen = seenFrames(prediction, image);
    const { frames } = image.pixels;
    if (seen.length >= frames) return [];
    const of = images.length > 1 ? ` of image ${index + 1}` : "";
    if (seen.length === 0) return [`The model did not look at ${images.length > 1 ? `image ${index + 1}` : "the image"}.`];
    return [`The model looked at ${frameNames(seen)} of ${frames}${of}, and at no other.`];
  });
}

/** What stands beside one frame; empty where the model looked at all of its image, or was not asked. */
export function frameWords(prediction: Prediction | null, image: Image, frame: number): string {
  if (!prediction) return "";
  const seen = seenFrames(prediction, image);
  if (seen.length >= image.pixels.frames) return "";
  if (seen.includes(frame)) return `The model looked at this frame${seen.length === 1 ? " alone" : ""}`;
  return image.pixels.frames > 1 ? "The model did not look at this frame" : "The model did not look at this image";
}

/** Numbers of frames, those that follow each other as a range. */
function frameNames(frames: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const frame of frames) {
    const last = runs[runs.length - 1];
    if (last && last[1] === frame - 1) last[1] = frame;
    else runs.push([frame, frame]);
  }
  const names = runs.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
  return `frame${frames.length === 1 ? "" : "s"} ${listed(names, "and")}`;
}

/** What was stated of an image whose header does not say it: the gateway takes a statement for nothing else. */
export function statedFacts(declared: Declared | null, image: Image): Partial<Record<Stated, string>> {
  const facts: Partial<Record<Stated, string>> = {};
  if (declared?.modality && !image.modality) facts.modality = declared.modality;
  if (declared?.view && !image.view) facts.view = declared.view;
  if (declared && declared.age_years !== null && image.age_years === null) facts.age_years = `${declared.age_years} years`;
  return facts;
}

/** All that scores of a case rest on and no header says, as a sentence; empty where there is nothing of the kind. */
export function statedWords(study: Case): string {
  const facts: Partial<Record<Stated, string>> = Object.assign({}, ...study.image_list.map((image) => statedFacts(study.declared, image)));
  const said = [facts.modality, facts.view, facts.age_years && `age ${facts.age_years}`].filter(Boolean);
  return said.length > 0 ? `Stated by a reader, not by the file: ${said.join(", ")}.` : "";
}
