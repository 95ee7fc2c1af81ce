import assert from "node:assert/strict";
import { test } from "node:test";
import { distanceWords, estimate, estimateOfOne, percent, scalePlace, scoreDetail, scoreWords, setWords } from "../../../../../serving/gateway/page/src/words/probability.ts";
import { finding, prediction } from "./examples.ts";

test("a percentage has a decimal where it matters and is never falsely certain", () => {
  assert.deepEqual([0.5, 0.021, 0.955, 0.9, 0.1, 0, 1].map(percent), ["50 %", "2.1 %", "95.5 %", "90 %", "10 %", "0 %", "100 %"]);
  assert.deepEqual([0.0004, 0.9996].map(percent), ["under 0.1 %", "over 99.9 %"]);
});

test("without a declared prevalence the words name what the score holds at, and not the score", () => {
  const words = scoreWords(finding({ probability: 0.81 }));
  assert.match(words, /holds where 30 % of patients have this finding/);
  assert.doesNotMatch(words, /81/);
});

test("with a declared prevalence the probability is said beside it", () => {
  const words = scoreWords(finding({ probability: 0.083, prevalence: 0.02, deployment: true }));
  assert.equal(words, "Probability 8.3 %, where 2 % of patients have it, as declared for this place.");
});

test("the number of the details always names its prevalence", () => {
  assert.equal(scoreDetail(finding({ probability: 0.81 })), "81 % at a prevalence of 30 % (of the calibration data, not of this place)");
  assert.equal(scoreDetail(finding({ probability: null })), "withheld");
});

test("the scale's middle is the operating point, and its ends are four log odds away", () => {
  assert.equal(scalePlace(finding({ probability: 0.2, operating_point: 0.2 })), 0.5);
  // odds 1/3 over 1/9 are 3; ln 3 = 1.0986; 0.5 + 1.0986 / 8
  assert.ok(Math.abs((scalePlace(finding({ probability: 0.25, operating_point: 0.1 })) ?? 0) - 0.63733) < 1e-5);
  assert.equal(scalePlace(finding({ probability: 1, operating_point: 0.5 })), 1);
  assert.equal(scalePlace(finding({ probability: null })), null);
});

test("the distance in words", () => {
  const words = (probability: number) => distanceWords(finding({ probability, operating_point: 0.5 }));
  assert.equal(words(0.5), "at or barely above the operating point");
  assert.equal(words(0.45), "barely below the operating point");
  assert.equal(words(0.7), "a little above the operating point"); // ln(7/3) = 0.85
  assert.equal(words(0.15), "clearly below the operating point"); // ln(3/17) = -1.73
  assert.equal(words(0.97), "far above the operating point"); // ln(97/3) = 3.48
});

test("an estimate has its interval, or why there is none", () => {
  assert.equal(estimate({ value: 0.913, lower: 0.8, upper: 0.969, patients: 52, note: "" }), "91 % (80 to 97 %)");
  assert.equal(estimate({ value: 1, lower: 0.93, upper: 1, patients: 52, note: "" }), "100 % (93 to 100 %)");
  assert.equal(estimate({ value: 0.997, lower: 0.991, upper: 0.9993, patients: 900, note: "" }), "99.7 % (99.1 to 99.9 %)");
  assert.equal(estimate({ value: null, lower: null, upper: null, patients: null, note: "3 patients only" }), "not known: 3 patients only");
  assert.equal(estimate({ value: 0.964, lower: 0.871, upper: 0.996, patients: 43, note: "" }), "96 % (87 to over 99 %)");
  assert.equal(estimateOfOne({ value: 0.9997, lower: 0.918, upper: 1, patients: 43, note: "" }), "over 0.99 (0.92 to 1.00)");
  assert.equal(estimateOfOne(null), "not known");
  assert.equal(estimate(null), "not known");
});

test("the set in words: which labels cannot be excluded, and how often that holds", () => {
  const labels = [finding({ name: "normal", in_set: false }), finding({ name: "nodule" }), finding({ name: "cavity" })];
  assert.equal(
    setWords(prediction({ findings: labels })),
    "Cannot be excluded: nodule or cavity. The model does not know which. In 90 % of such patients the true label is among those that are not excluded.",
  );
  assert.match(setWords(prediction({ findings: labels.slice(1) })), /^No label can be excluded: the model does not know\./);
  assert.match(setWords(prediction({ findings: labels.slice(0, 1) })), /^No label fits/);
});

test("of findings that do not exclude each other, presence and absence are said apart", () => {
  const labels = [
    finding({ name: "effusion", in_set: true, absence_in_set: false }),
    finding({ name: "nodule", in_set: true, absence_in_set: true }),
    finding({ name: "fracture", in_set: false, absence_in_set: true }),
  ];
  assert.match(
    setWords(prediction({ findings: labels })),
    /^Absence is excluded: effusion\. Undecided: nodule\. Presence is excluded: fracture\./,
  );
});

test("nothing is said of sets where there are none or scores are withheld", () => {
  assert.equal(setWords(prediction({ coverage: null })), "");
  assert.equal(setWords(prediction({ withheld: { codes: ["view_unknown"], message: "", declare: [] } })), "");
});
