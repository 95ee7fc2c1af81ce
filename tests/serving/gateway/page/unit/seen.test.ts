import assert from "node:assert/strict";
import { test } from "node:test";
import type { Image } from "../../../../../serving/gateway/page/src/api/contract.ts";
import { frameWords, seenFrames, seenWords, statedWords } from "../../../../../serving/gateway/page/src/words/seen.ts";
import { finding, pixels, prediction, study } from "./examples.ts";

const image = (id: string, frames: number, change: Partial<Image> = {}): Image => ({
  id, file: 1, format: "DICOM", pixels: pixels({ frames }), modality: "DX", view: "PA", sex: "", age_years: null, burned_in_text: false, ...change,
});
const scope = { out_of_distribution: false, score: 0, threshold: null, modality: "match", view: "match", age: "match", declared: [] } as const;
const said = (...frames: [string, number][]) =>
  prediction({ images: frames.map(([id, frame]) => ({ image: id, frame, scope: { ...scope, declared: [] }, findings: [finding()] })) });

test("of a file with several frames it is said which the model looked at", () => {
  assert.deepEqual(seenWords(said(["a", 1]), [image("a", 6)]), ["The model looked at frame 1 of 6, and at no other."]);
  assert.deepEqual(seenWords(said(["a", 5], ["a", 1], ["a", 2], ["a", 3]), [image("a", 6)]), ["The model looked at frames 1 to 3 and 5 of 6, and at no other."]);
  assert.deepEqual(seenFrames(said(["a", 2], ["b", 1], ["a", 1]), image("a", 2)), [1, 2]);
});

test("nothing is said where the model looked at everything", () => {
  assert.deepEqual(seenWords(said(["a", 1], ["a", 2], ["b", 1]), [image("a", 2), image("b", 1)]), []);
  assert.equal(frameWords(said(["a", 1]), image("a", 1), 1), "");
  assert.equal(frameWords(null, image("a", 6), 2), "");
});

test("of several images each is told by its place, one that was left out as well", () => {
  const one = said(["a", 1], ["b", 1]);
  one.images.push({ image: "c", frame: 1, scope: { ...scope, declared: [] }, findings: [] });
  assert.deepEqual(seenWords(one, [image("a", 1), image("b", 3), image("c", 1)]), [
    "The model looked at frame 1 of 3 of image 2, and at no other.", "The model did not look at image 3.",
  ]);
});

test("beside a frame stands whether the model looked at it", () => {
  const two = said(["a", 2]);
  assert.equal(frameWords(two, image("a", 6), 1), "The model did not look at this frame");
  assert.equal(frameWords(two, image("a", 6), 2), "The model looked at this frame alone");
  assert.equal(frameWords(two, image("b", 1), 1), "The model did not look at this image");
});

test("what was stated is told where the header does not say it, and nowhere else", () => {
  const silent = image("a", 1, { modality: "", view: "" });
  const declared = { modality: "CR", view: "PA", age_years: 0 };
  assert.equal(statedWords(study({ declared, image_list: [silent] })), "Stated by a reader, not by the file: CR, PA, age 0 years.");
  assert.equal(statedWords(study({ declared, image_list: [image("a", 1, { age_years: 40 })] })), "");
  assert.equal(statedWords(study({ image_list: [silent] })), "");
});
