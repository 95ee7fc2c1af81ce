import assert from "node:assert/strict";
import { test } from "node:test";
import {
  blindOpinion, choiceOf, compared, feedbackWords, noOpinionFirst, opinionComesFirst,
} from "../../../../../serving/gateway/page/src/words/reading.ts";
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

test("a row of which nothing is to be said has neither mark nor words of the model's", () => {
  const told = row({ flagged: ["nodule"] });
  assert.equal(rowWords(told, true), "Read it first");
  assert.deepEqual([rowMark(row({ status: "hidden" })), rowWords(row({ status: "hidden" }))], ["hidden", "Read it first"]);
});

test("one's own opinion stands beside the model's where it is blind, nobody else's and no other", () => {
  const others = [feedback({ mine: false }), feedback({ kind: "agree", blind: false }), feedback({ blind: false })];
  assert.equal(blindOpinion(study({ feedback: others })), null);
  assert.equal(blindOpinion(study({ feedback: [...others, feedback({ id: "2" })] }))?.id, "2");
});

test("an opinion comes first while nothing was sent and nothing was said", () => {
  assert.ok(opinionComesFirst(study({ blind: true, feedback: [feedback({ mine: false })] })));
  assert.ok(!opinionComesFirst(study({ blind: false })));
  assert.ok(!opinionComesFirst(study({ blind: true, feedback: [feedback({ kind: "correct", blind: false })] })));
});

test("where none comes first, it is said why", () => {
  assert.match(noOpinionFirst(study({ blind: false })) ?? "", /was sent to you before/);
  assert.match(noOpinionFirst(study({ blind: false, feedback: [feedback({ kind: "agree", blind: false })] })) ?? "", /is there already/);
  assert.equal(noOpinionFirst(study({ blind: false, feedback: [feedback()] })), null);
  assert.equal(noOpinionFirst(study({ blind: true })), null);
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
  assert.equal(feedbackWords(feedback({ kind: "correct", labels: ["nodule", "cavity"], blind: false })), "Correct label: nodule and cavity");
  assert.equal(feedbackWords(feedback({ labels: [] })), "Opinion before the model's: none of the findings");
  assert.equal(feedbackWords(feedback({ blind: false })), "Opinion, not known to be from before the model's: nodule");
  assert.equal(feedbackWords(feedback({ kind: "disagree", blind: false })), "Disagrees with the model");
});
