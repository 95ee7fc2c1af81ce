import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model } from "../../../../../serving/gateway/page/src/api/contract.ts";
import { unreachable } from "../../../../../serving/gateway/page/src/api/problems.ts";
import { remembered, Unanswered } from "../../../../../serving/gateway/page/src/unanswered.ts";

const model = (name: string, available: boolean) => ({ name, available }) as Model;

test("a case is awaited as long as its own model is away, and asked about once", () => {
  const unanswered = new Unanswered();
  const failure = unreachable();
  unanswered.add({ caseId: "1", model: "chest", declared: { view: "PA" }, failure });
  assert.ok(unanswered.awaits("1", [model("chest", false)]));
  assert.ok(unanswered.awaits(failure, [model("chest", false)]));
  assert.ok(!unanswered.awaits("1", [model("chest", true), model("bones", false)]));
  assert.ok(!unanswered.awaits("2", [model("chest", false)]));
  assert.deepEqual(unanswered.take(["bones"]), []);
  assert.deepEqual(unanswered.take(["chest"]).map((one) => [one.caseId, one.declared]), [["1", { view: "PA" }]]);
  assert.deepEqual(unanswered.take(["chest"]), []);
});

test("a case that was deleted or asked anew is not awaited", () => {
  const unanswered = new Unanswered();
  unanswered.add({ caseId: "1", model: "chest", declared: {}, failure: unreachable() });
  unanswered.drop("1");
  assert.ok(!unanswered.awaits("1", [model("chest", false)]));
});

test("a model that is away keeps its labels, not its version", () => {
  const former = { ...model("chest", true), labels: ["nodule"], version: { name: "chest", version: 3, approved: true, approval: null } } as Model;
  assert.deepEqual(remembered({ ...model("chest", false), labels: null, version: null } as Model, [former]), {
    ...former, available: false, version: null,
  });
  assert.equal(remembered(former, [model("chest", false)]), former);
  assert.equal(remembered(model("bones", false), [former]).labels, undefined);
});
