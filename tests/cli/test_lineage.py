"""`radflow lineage`: what the metadata store and the version's folder say, and what is said where they do not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.main import main
from data_schemas.approvals import APPROVE, record
from data_schemas.digests import content_digest
from tests.data_schemas.test_approvals import approval
from tests.data_schemas.test_served_evaluation import EVALUATION
from tests.recorded_output import RecordedOutput


@pytest.fixture
def output(tmp_path: Path) -> RecordedOutput:
    made = RecordedOutput(tmp_path / "output")
    version = made.pushed("chest", 1, "run-1")
    (version / "assets.extra" / "evaluation.json").write_text(EVALUATION.model_dump_json())
    (version / "assets.extra" / "task.yaml").write_text("name: chest\n")
    (version / "assets.extra" / "SHA256SUMS").unlink()
    made.run("run-1", version=1)
    return made


def told(output: RecordedOutput, capsys: pytest.CaptureFixture[str], code: int = 0, version: str = "1") -> dict:
    assert main(["lineage", version, "--output", str(output.folder), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_version_is_told_with_run_data_code_and_parameters(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(output, capsys)
    assert (found["model"], found["version"], found["run"]["pushed_by"]) == ("chest", 1, "run-1")
    assert found["run"]["same_model"] is True
    data = found["data"]
    assert data["manifest"] == "/private/manifest-1.csv" and data["manifest_fingerprint"] == "f1" * 32
    assert data["data_digest"] == "d1" * 32 and data["records_there"] is True
    assert (data["ingest"]["images"], data["ingest"]["patients"]) == ({"train": 2}, {"train": 2})
    assert found["code"]["versions"] == {"tensorflow": "2.16.2"}
    assert found["code"]["digests"]["Trainer"] == "c2" * 32
    assert found["parameters"]["weights"] == {"mobilenet": "w1"}
    assert found["content_digest"] == content_digest(output.folder / "serving" / "chest" / "1")


def test_an_approval_is_part_of_it(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    root = output.folder / "serving"
    record(root, APPROVE, approval(1, digest=content_digest(root / "chest" / "1")))
    found = told(output, capsys)
    assert found["approved"] is True
    assert [(one["action"], one["actor"]) for one in found["audit"]] == [("approve", "A. Reader")]


def test_the_text_is_for_people(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", str(output.folder / "serving" / "chest")]) == 0
    text = capsys.readouterr().out
    for said in (
        "pushed by run-1",
        "the version's model is the one that was recorded",
        f"fingerprint of the manifest: {'f1' * 32}",
        "train  2       2",
        f"Trainer: {'c2' * 32}",
        "weights of mobilenet: w1",
        "not approved now",
        "Trainer.model",
    ):
        assert said in text


def test_what_was_removed_since_is_said(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(output.folder / "pipeline" / "DicomExampleGen")
    assert told(output, capsys)["data"]["records_there"] is False
    assert main(["lineage", "1", "--output", str(output.folder)]) == 0
    text = capsys.readouterr().out
    assert "records: removed since" in text and "the ingest report was removed since" in text
    assert "DicomExampleGen.examples" in text and "removed  " in text


@pytest.mark.parametrize("lost", ["store", "never"])
def test_a_version_that_the_store_does_not_have_is_said_plainly(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str], lost: str
) -> None:
    version = "1"
    if lost == "store":
        (output.folder / "metadata.sqlite").unlink()
    else:
        version = output.pushed("chest", 2, "from elsewhere").name
    found = told(output, capsys, code=1, version=version)
    assert found["run"] is None and found["data"] is None and found["content_digest"]
    assert main(["lineage", version, "--output", str(output.folder)]) == 1
    text = capsys.readouterr().out
    assert "does not have this version" in text and "Run, data, code and artifacts are not known" in text
    assert not (lost == "store" and (output.folder / "metadata.sqlite").exists())


def test_another_model_under_the_number_is_a_warning(
    output: RecordedOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    (output.folder / "serving" / "chest" / "1" / "saved_model.pb").write_text("another")
    assert main(["lineage", "1", "--output", str(output.folder)]) == 1
    assert "BEWARE: the version's model is not the one that was recorded" in capsys.readouterr().out


def test_what_is_no_version_is_refused(output: RecordedOutput, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", "7", "--output", str(output.folder)]) == 2
    assert "chest has no version 7; it has 1" in capsys.readouterr().err
    assert main(["lineage", str(output.folder / "pipeline")]) == 2
    assert "no model in" in capsys.readouterr().err
    trained = next(output.folder.glob("pipeline/Trainer/model/*/Format-Serving"))
    assert main(["lineage", str(trained)]) == 2
    assert "is no version that a run pushed" in capsys.readouterr().err
