import assert from "node:assert/strict";
import { test } from "node:test";
import { blindCase, choiceOf, compared, feedbackWords, ownOpinion } from "../../../../../serving/gateway/page/src/words/reading.ts";
import { rowMark, rowWords, whenWords } from "../../../../../serving/gateway/page/src/words/triage.ts";
import type { Model } from "../../../../../serving/gateway/page/src/api/contract.ts";
import { feedback, finding, prediction, row, study } from "./examples.ts";

test("each state of a case has a mark and words of its own", () => {
  const rows = [
    row({ flagged: ["nodule", "cavity"] }), row(), row({ status: "withheld", withheld: ["view_unknown", "age_unknown"] }),
    row({ status: "failed" }), row({ status: "uploaded" }),
  ];
  assert.deepEqual(rows.map(rowMark), ["flagged", "clear", "withheld", "failed", "waiting"]);
  assert.deepEqual(rows.map((each) => rowWords(each)), [
    "nodule and cavity", "Nothing flagged", "No scores: view not stated and age not stated", "The model did not answer", "Not asked yet",
  ]);
});

test("a case of today has its time, another its day", () => {
  const now = new Date("2026-03-05T12:00:00");
  assert.equal(whenWords("2026-03-05T09:30:00", now), "09:30");
  assert.equal(whenWords("2026-03-04T09:30:00", now), "4 Mar");
});

test("a hidden case has nothing of the model's: no prediction, flag, urgency, reason or reaction to it", () => {
  const whole = study({
    status: "withheld", flagged: ["nodule"], urgency: 3, withheld: ["out_of_distribution"],
    feedback: [feedback({ kind: "agree" }), feedback({ id: "1" })],
  });
  const hidden = blindCase(whole);
  assert.deepEqual([hidden.predictions, hidden.flagged, hidden.urgency, hidden.withheld, hidden.status], [[], [], null, [], "uploaded"]);
  assert.deepEqual(hidden.feedback.map((entry) => entry.kind), ["opinion"]);
  assert.doesNotMatch(JSON.stringify(hidden.predictions) + rowWords(hidden, true), /nodule/);
});

test("only one's own opinion counts as given, the latest of several", () => {
  assert.equal(ownOpinion(study({ feedback: [feedback({ mine: false }), feedback({ kind: "agree" })] })), null);
  assert.equal(ownOpinion(study({ feedback: [feedback({ id: "1" }), feedback({ id: "2" })] }))?.id, "2");
});

test("labels to choose are the model's, or those of a prediction where it is away", () => {
  const model = { labels: ["normal", "nodule"], findings: ["nodule"], exclusive: true } as Model;
  assert.deepEqual(choiceOf(model, null), { labels: ["normal", "nodule"], exclusive: true });
  assert.deepEqual(choiceOf({ ...model, exclusive: false }, null), { labels: ["nodule"], exclusive: false });
  assert.deepEqual(choiceOf(null, prediction({ findings: [finding({ name: "normal", is_finding: false }), finding()] })), {
    labels: ["normal", "nodule"], exclusive: true,
  });
  assert.equal(choiceOf(null, null), null);
});

test("reader and model side by side, finding by finding", () => {
  const said = [finding({ name: "normal", is_finding: false }), finding({ flagged: false }), finding({ name: "cavity", flagged: null })];
  assert.deepEqual(compared(feedback(), said), [
    { finding: "nodule", reader: true, model: false },
    { finding: "cavity", reader: false, model: null },
  ]);
});

test("feedback in words", () => {
  assert.equal(feedbackWords(feedback({ kind: "correct", labels: ["nodule", "cavity"] })), "Correct label: nodule and cavity");
  assert.equal(feedbackWords(feedback({ labels: [] })), "Opinion before the model's: none of the findings");
  assert.equal(feedbackWords(feedback({ kind: "disagree" })), "Disagrees with the model");
});
