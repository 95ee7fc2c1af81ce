import assert from "node:assert/strict";
import { test } from "node:test";
import { advice, failureOf, unreachable } from "../../../../../serving/gateway/page/src/api/problems.ts";
import { patiently } from "../../../../../serving/gateway/page/src/api/client.ts";
import { namesToShow, neutralName } from "../../../../../serving/gateway/page/src/api/upload.ts";
import { bytesWords, counted, listed, sentence } from "../../../../../serving/gateway/page/src/words/lists.ts";

const body = JSON.stringify({ type: "/problems/too-large", title: "Too large", status: 413, detail: "The file has 3 GB.", request_id: "abc" });

test("a problem is said in the gateway's words, with what to do", () => {
  const failure = failureOf(413, body, () => null);
  assert.deepEqual([failure.message, failure.kind, failure.requestId, failure.passing], ["The file has 3 GB.", "too-large", "abc", false]);
  assert.match(advice(failure), /fewer or smaller/);
});

test("an answer that is no problem is a failure all the same", () => {
  assert.match(failureOf(502, "<html>Bad gateway</html>", () => null).message, /answered 502 without a reason/);
  assert.match(failureOf(500, "null", () => null).message, /answered 500/);
  assert.match(advice(unreachable()), /Check the network/);
});

test("what passes is tried again after as long as the gateway said, with a word each second", async () => {
  const waited: number[] = [];
  let asked = 0;
  const result = await patiently(async () => {
    if (++asked === 1) throw failureOf(429, body, (name) => (name === "Retry-After" ? "1" : null));
    return "done";
  }, (seconds) => waited.push(seconds));
  assert.deepEqual([result, asked, waited], ["done", 2, [1, 0]]);
});

test("what does not pass is not tried again, and what was stopped ends", async () => {
  let asked = 0;
  await assert.rejects(patiently(async () => { asked++; throw failureOf(413, body, () => null); }, () => undefined), /3 GB/);
  assert.equal(asked, 1);
  const stop = new AbortController();
  const busy = patiently(async () => { throw failureOf(503, body, () => "30"); }, () => stop.abort(), stop.signal);
  await assert.rejects(busy, { name: "AbortError" });
});

test("names of files are not sent, only their kind", () => {
  assert.equal(neutralName("Miller^Anna 1970-01-01.DCM", 3), "file-3.dcm");
  assert.equal(neutralName("scan.nii.gz", 1), "file-1.nii.gz");
  assert.equal(neutralName("IM000001", 2), "file-2");
});

test("files that give no image are told by their place and name, without the gateway's code words", () => {
  const refused = JSON.stringify({
    type: "/problems/no-image", title: "No image", status: 422, request_id: "abc",
    detail: "none of 2 files gives an image; the first: not_dicom: the file is empty",
    errors: [{ loc: ["files", 1], msg: "not_dicom: the file is empty" }, { loc: ["files", 2], msg: "corrupt: the pixel data end early" }],
  });
  const failure = failureOf(422, refused, () => null, ["a.txt", "b.dcm"]);
  assert.equal(failure.message, "none of 2 files gives an image");
  assert.deepEqual(failure.files, ["File 1 (a.txt): The file is empty.", "File 2 (b.dcm): The pixel data end early."]);
  assert.deepEqual(failureOf(422, refused, () => null).files[1], "File 2: The pixel data end early.");
  assert.deepEqual(failureOf(413, body, () => null).files, []);
});

test("files are told by their names unless an archive is among them, whose files count as well", async () => {
  const film = new File(["DICM"], "film.dcm");
  assert.deepEqual(await namesToShow([film, new File([], "empty.dcm")]), ["film.dcm", "empty.dcm"]);
  assert.deepEqual(await namesToShow([film, new File([new Uint8Array([0x50, 0x4b, 3, 4, 0])], "study")]), []);
  assert.deepEqual(await namesToShow([new File([new Uint8Array([0x50, 0x4b, 5, 6, 0])], "empty.zip")]), []);
});

test("no advice promises that something is tried again by itself", () => {
  assert.doesNotMatch(advice(failureOf(503, JSON.stringify({ type: "/problems/unavailable", detail: "Away." }), () => null)), /by itself/);
});

test("counts, sizes and rows of names", () => {
  assert.deepEqual([counted(1, "file"), counted(2, "file")], ["1 file", "2 files"]);
  assert.deepEqual([bytesWords(900), bytesWords(1.24e6), bytesWords(34e6), bytesWords(2.1e9)], ["1 kB", "1.2 MB", "34 MB", "2.1 GB"]);
  assert.equal(listed(["a", "b", "c"], "or"), "a, b or c");
  assert.deepEqual(["the file ends", "It ends.", ""].map(sentence), ["The file ends.", "It ends.", ""]);
});
