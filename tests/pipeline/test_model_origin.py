"""Where a served version comes from: found by its number and checked by its digest."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from data_schemas.restored import Restored
from pipeline.metadata_graph import read_graph
from pipeline.model_origin import ModelOrigin, origin_of
from tests.recorded_output import RecordedOutput


@pytest.fixture
def output(tmp_path: Path) -> RecordedOutput:
    return RecordedOutput(tmp_path / "output")


def origin(output: RecordedOutput, number: int, task: str = "chest") -> ModelOrigin | None:
    return origin_of(read_graph(output.database), output.folder / "serving" / task / str(number))


def found(output: RecordedOutput, number: int) -> ModelOrigin:
    one = origin(output, number)
    assert one is not None
    return one


def test_a_version_leads_to_its_run_and_to_every_artifact_behind_it(output: RecordedOutput) -> None:
    made = output.run("run-1", version=1)
    output.run("run-2", version=2)
    one = found(output, 1)
    assert (one.pushed_by.run_id, one.trained_by.run_id, one.same_model) == ("run-1", "run-1", True)
    assert {artifact.artifact.id for artifact in one.artifacts} == {artifact.id for artifact in made.values()}
    assert one.folder("Trainer", "model") == Path(made["model"].uri)
    assert one.code_digests() == {"DicomExampleGen": "c1" * 32, "Trainer": "c2" * 32}
    assert one.parameters("Trainer")["weights_digests"]["mobilenet"] == "w1"


def test_a_model_from_the_cache_leads_to_the_run_that_trained_it(output: RecordedOutput) -> None:
    made = output.run("run-1", blessed=False)
    cached = {name: made[name] for name in ("examples", "ingest_report", "check", "model")}
    output.run("run-2", content="run-1", version=1, cached=cached)
    one = found(output, 1)
    assert (one.pushed_by.run_id, one.trained_by.run_id) == ("run-2", "run-1")
    assert one.folder("DicomExampleGen", "examples") == Path(made["examples"].uri)


def test_of_a_number_that_was_given_twice_the_digest_decides(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    shutil.rmtree(output.folder / "serving" / "chest")
    output.run("run-2", version=1)
    assert found(output, 1).pushed_by.run_id == "run-2"
    (output.folder / "serving" / "chest" / "1" / "saved_model.pb").write_text("run-1")
    assert found(output, 1).pushed_by.run_id == "run-1"


def test_without_a_recorded_digest_the_trainers_files_decide_and_else_nothing_does(output: RecordedOutput) -> None:
    made = output.run("run-1", version=1, recorded_digest=False)
    assert found(output, 1).same_model is True
    shutil.rmtree(made["model"].uri)
    assert found(output, 1).same_model is None


def test_another_model_under_a_recorded_number_is_told(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    (output.folder / "serving" / "chest" / "1" / "saved_model.pb").write_text("another")
    assert found(output, 1).same_model is False


def test_a_restored_version_leads_to_the_run_that_pushed_it_first(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.run("run-2", version=2)
    now = datetime.now(timezone.utc)
    said = Restored(restores=1, first_version=1, in_place_of=2, by="A", role="r", statement="s", at=now)
    output.pushed("chest", 3, "run-1", restored=said)
    one = found(output, 3)
    assert (one.pushed_by.run_id, one.same_model) == ("run-1", True)


def test_a_version_that_the_store_does_not_have_has_no_origin(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.pushed("chest", 2, "from elsewhere")
    output.pushed("ct", 1, "run-1")
    assert origin(output, 2) is None
    assert origin(output, 1, task="ct") is None
