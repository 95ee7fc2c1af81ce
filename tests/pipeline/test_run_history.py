"""What became of each run, by the metadata store and the served folder."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

import local_runner
from data_schemas.errors import ConfigurationError
from pipeline.lineage import run_ids
from pipeline.metadata_graph import read_graph
from pipeline.run_history import PastRun, past_runs
from pipeline.run_state import going_on, unnamed_run
from tests.recorded_output import RecordedOutput


@pytest.fixture
def output(tmp_path: Path) -> RecordedOutput:
    return RecordedOutput(tmp_path / "output")


def history(output: RecordedOutput) -> list[PastRun]:
    return past_runs(output.folder, read_graph(output.database), going_on=going_on(output.folder))


def test_a_run_that_pushed_has_its_version_labels_and_metrics(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.run("run-2", version=2)
    first, second = history(output)
    assert (first.run, first.task, first.status, first.step) == ("run-1", "chest", "pushed", "")
    assert (first.version, first.labels, second.version, second.labels) == (1, (), 2, ("candidate",))
    assert first.blessed is True
    assert first.findings["nodule"]["auroc"]["value"] == pytest.approx(0.9)
    assert first.ended is not None and first.started <= first.ended <= second.started


def test_runs_are_in_the_order_in_which_they_began_also_where_the_clock_was_set_back(output: RecordedOutput) -> None:
    output.run("2026-06-01", version=1)
    with closing(sqlite3.connect(output.folder / "metadata.sqlite")) as database:
        database.execute("UPDATE Context SET create_time_since_epoch = create_time_since_epoch + 1000000000")
        database.commit()
    output.run("2026-05-01", version=2)
    assert [one.version for one in history(output)] == [1, 2]
    assert run_ids(output.database) == ["2026-06-01", "2026-05-01"]


def test_a_version_that_was_removed_is_said(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.run("run-2", version=2)
    shutil.rmtree(output.folder / "serving" / "chest" / "1")
    assert [one.removed for one in history(output)] == [True, False]


def test_a_model_that_was_served_already_is_told_from_a_new_one(output: RecordedOutput) -> None:
    made = output.run("run-1", version=1)
    cached = {name: made[name] for name in made if name != "pushed_model"}
    output.run("run-2", version=1, already=True, cached=cached)
    assert [(one.status, one.version) for one in history(output)] == [("pushed", 1), ("already_served", 1)]


def test_refusals_by_gate_and_canary_are_told_apart(output: RecordedOutput) -> None:
    output.run("run-1", blessed=False)
    output.run("run-2", blessed=True)
    assert [(one.status, one.version) for one in history(output)] == [("gate_refused", None), ("canary_refused", None)]


def test_what_data_check_stopped_is_no_failure(output: RecordedOutput) -> None:
    for name in ("run-1", "run-2"):
        output.run(name, stops=("DataCheck", pb.Execution.FAILED))
    page = output.folder / "reports" / "run-2" / "data_check.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert [(one.status, one.step) for one in history(output)] == [
        ("failed", "DataCheck"),
        ("data_refused", "DataCheck"),
    ]


def test_a_killed_run_is_cut_off_and_one_at_work_goes_on(output: RecordedOutput) -> None:
    output.run("run-1", stops=("Trainer", pb.Execution.RUNNING))
    output.run("run-2", stops=("Evaluator", pb.Execution.RUNNING))
    with local_runner.only_run(output.folder) as begin:
        begin("run-2")
        first, second = history(output)
    assert (first.status, first.step) == ("cut_off", "Trainer")
    assert (second.status, second.step, second.ended) == ("going_on", "Evaluator", None)


def test_a_command_that_holds_the_lock_makes_no_run_go_on(output: RecordedOutput) -> None:
    output.run("run-1", version=1)
    output.run("run-2", stops=("Trainer", pb.Execution.RUNNING))
    with contextlib.suppress(KeyboardInterrupt), local_runner.only_run(output.folder) as begin:
        begin("run-2")
        with pytest.raises(ConfigurationError), local_runner.only_run(output.folder):
            pass
        assert [one.status for one in history(output)] == ["pushed", "going_on"]
        raise KeyboardInterrupt
    (output.folder / ".lock").write_text("run-2")  # as a run that was killed leaves it
    assert [one.status for one in history(output)] == ["pushed", "cut_off"]
    with local_runner.only_run(output.folder):
        assert going_on(output.folder) is None
        assert [one.status for one in history(output)] == ["pushed", "cut_off"]


def test_a_run_that_tfx_names_is_the_one_after_those_that_were_there(output: RecordedOutput) -> None:
    for name in ("run-2", "run-1"):
        with local_runner.only_run(output.folder) as begin:
            begin(unnamed_run(output.folder))
            assert going_on(output.folder) is None
            output.run(name, stops=("Trainer", pb.Execution.RUNNING))
            assert going_on(output.folder) == name
    assert going_on(output.folder) is None


def test_what_stops_after_the_push_is_pushed_all_the_same(output: RecordedOutput) -> None:
    output.run("run-1", version=1, stops=("ModelReport", pb.Execution.FAILED))
    (only,) = history(output)
    assert (only.status, only.step, only.version) == ("pushed", "ModelReport", 1)


def test_an_evaluation_that_was_removed_leaves_no_metrics(output: RecordedOutput) -> None:
    made = output.run("run-1", version=1)
    shutil.rmtree(made["evaluation"].uri)
    (only,) = history(output)
    assert (only.findings, only.status) == ({}, "pushed")
