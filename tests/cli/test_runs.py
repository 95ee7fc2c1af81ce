"""`radflow runs`: a table for people, an object a run for programs, and what is said where there is nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from cli.main import main
from cli.runs import runs_table
from pipeline.run_history import PastRun
from tests.recorded_output import RecordedOutput

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: a push, a refusal, and one of another task that was killed."""
    made = RecordedOutput(tmp_path_factory.mktemp("runs") / "output")
    made.run("run-1", version=1)
    made.run("run-2", blessed=False)
    made.run("run-3", task="ct", stops=("Trainer", pb.Execution.RUNNING))
    return made.folder


def test_the_table_has_a_line_a_run(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--output", str(output)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 5
    assert lines[0] == "Run Task Took Status AUROC Version"
    assert lines[2].startswith("run-1 chest 0 min") and lines[2].endswith("1 (candidate)")
    assert "pushed" in lines[2] and "nodule 0.9" in lines[2]
    assert "refused by a gate" in lines[3] and lines[3].endswith("-")
    assert lines[4].startswith("run-3 ct") and "cut off at Trainer" in lines[4]


def test_json_is_an_object_a_run(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--output", str(output), "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["run"], one["status"], one["version"]) for one in found] == [
        ("run-1", "pushed", 1),
        ("run-2", "gate_refused", None),
        ("run-3", "cut_off", None),
    ]
    assert found[0]["labels"] == ["candidate"] and found[0]["started"].endswith("+00:00")


def test_runs_can_be_narrowed_to_a_task_and_to_the_newest(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--output", str(output), "--task", "chest", "--last", "1", "--json"]) == 0
    assert [json.loads(line)["run"] for line in capsys.readouterr().out.splitlines()] == ["run-2"]
    assert main(["runs", "--output", str(output), "--task", "mr"]) == 0
    assert capsys.readouterr().out == "No such run.\n"


def test_where_there_is_no_run_one_line_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--output", str(tmp_path)]) == 2
    assert "there is no run in" in capsys.readouterr().err
    assert main(["runs", "--output", str(tmp_path / "nowhere")]) == 2
    assert "does not exist: give --output DIR" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_many_findings_are_a_range_and_what_stopped_after_a_push_is_said() -> None:
    findings = {f"f{number}": {"auroc": {"value": 0.5 + number / 10}} for number in range(4)}
    run = PastRun(
        run="r",
        task="t",
        started=NOON,
        ended=NOON + timedelta(seconds=75),
        status="pushed",
        step="ModelReport",
        findings=findings,
        version=2,
        removed=True,
        labels=("approved", "candidate"),
    )
    row = runs_table([run], now=NOON).splitlines()[-1]
    assert "1 min 15 s" in row and "pushed, then stopped at ModelReport" in row
    assert "0.500 to 0.800 of 4 findings" in row and row.endswith("2 (approved, candidate, removed)")


def test_a_run_that_goes_on_has_taken_the_time_until_now() -> None:
    run = PastRun(run="r", task="", started=NOON, ended=None, status="going_on", step="Trainer")
    row = runs_table([run], now=NOON + timedelta(minutes=3)).splitlines()[-1]
    assert row.split() == ["r", "-", "3", "min", "00", "s", "going", "on", "at", "Trainer", "-", "-"]
