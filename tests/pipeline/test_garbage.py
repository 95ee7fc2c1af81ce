"""Which artifacts may go: what no served version's lineage needs, and what no newest run has."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from data_schemas.restored import Restored
from pipeline.garbage import Plan, plan
from pipeline.metadata_graph import read_graph
from tests.recorded_output import RecordedOutput


@pytest.fixture
def output(tmp_path: Path) -> RecordedOutput:
    return RecordedOutput(tmp_path / "output")


def planned(output: RecordedOutput, *, keep_runs: int = 0) -> Plan:
    return plan(output.folder, read_graph(output.database), keep_runs=keep_runs)


def paths(found: Plan) -> set[str]:
    return {str(one.path) for one in found.garbage}


def test_what_a_served_version_was_made_from_stays_and_a_refused_models_goes(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    refused = output.run("run-2", blessed=False)
    found = planned(output)
    assert paths(found) == {artifact.uri for artifact in refused.values()}
    assert found.kept == 9 and found.unknown == ()


def test_what_a_later_push_took_from_the_cache_of_a_refused_run_stays(output: RecordedOutput) -> None:
    made = output.run("run-1", blessed=False)
    cached = {name: made[name] for name in ("examples", "ingest_report", "check")}
    output.run("run-2", version=1, cached=cached)
    assert paths(planned(output)) == {one.uri for name, one in made.items() if name not in cached}


def test_a_version_that_was_removed_needs_nothing(output: RecordedOutput) -> None:
    made = output.run("run-1", version=1)
    output.run("run-2", version=2)
    shutil.rmtree(output.folder / "serving" / "chest" / "1")
    assert paths(planned(output)) == {artifact.uri for artifact in made.values()}


def test_a_restored_version_needs_what_the_first_one_did(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.run("run-2", version=2)
    now = datetime.now(timezone.utc)
    said = Restored(restores=1, first_version=1, in_place_of=2, by="A", role="r", statement="s", at=now)
    output.pushed("chest", 3, "run-1", restored=said)
    shutil.rmtree(output.folder / "serving" / "chest" / "1")
    assert paths(planned(output)) == set()


def test_the_newest_runs_stay(output: RecordedOutput) -> None:
    first = output.run("run-1", blessed=False)
    output.run("run-2", blessed=False)
    output.run("run-3", blessed=False)
    assert paths(planned(output, keep_runs=2)) == {artifact.uri for artifact in first.values()}
    assert paths(planned(output, keep_runs=9)) == set()


def test_a_folder_that_a_killed_step_left_goes_and_what_is_being_made_stays(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.run("run-2", stops=("Trainer", pb.Execution.RUNNING))
    left = output.folder / "pipeline" / "Trainer" / "model" / "99"
    left.mkdir()
    (left / "weights").write_bytes(b"0" * 300)
    system = output.folder / "pipeline" / "Trainer" / ".system" / "7"
    system.mkdir(parents=True)
    found = planned(output, keep_runs=2)
    assert [(one.path, one.size, one.artifact) for one in found.garbage] == [(left, 300, None)]


def test_of_a_version_without_a_record_all_that_is_not_recorded_stays(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    (output.folder / "metadata.sqlite").unlink()
    found = planned(RecordedOutput(output.folder))
    assert found.unknown == ("chest/1",) and paths(found) == set() and found.kept == 9


def test_an_output_that_was_moved_loses_nothing(output: RecordedOutput, tmp_path: Path) -> None:
    output.run("run-1", version=1)
    output.run("run-2", blessed=False)
    moved = RecordedOutput(output.folder.rename(tmp_path / "moved"))
    found = planned(moved)
    assert found.kept == 9 and all("/moved/" in path for path in paths(found))
