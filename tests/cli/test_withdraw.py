"""`radflow withdraw` on what its metadata store has not recorded: versions say themselves whom they know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.main import main
from tests.recorded_output import WITHDRAWN, RecordedOutput

STRANGER = "ef" * 16


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output with a version whose run is not recorded, and the report that the run left."""
    made = RecordedOutput(tmp_path / "output")
    (made.folder / "private").mkdir()
    version = made.pushed("chest", 1, "a graph")
    said = {"pseudonym_key_id": "key 1", "patients": [WITHDRAWN, "cd" * 16]}
    (version / "assets.extra" / "training_patients.json").write_text(json.dumps(said))
    report = made.folder / "reports" / "0a1b2c3d-run-of-a-cluster"
    report.mkdir(parents=True)
    (report / "model_report.html").write_text("pictures")
    (report / "report.json").write_text("{}")
    return made.folder


def test_a_served_model_of_no_recorded_run_is_named_and_pictures_go(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["withdraw", WITHDRAWN, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "in the data of former runs" in said
    assert "1 model was trained on the patient." in said and f"{output}/serving/chest/1 (served; by its own" in said
    assert [path.name for path in (output / "reports").rglob("*.*")] == ["report.json"]


def test_runs_that_are_not_recorded_are_said_not_to_be_looked_at(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["withdraw", STRANGER, "--output", str(output)]) == 1
    said = capsys.readouterr()
    assert "No model that is recorded or served here was trained on the patient." in said.out
    assert "Not looked at" in said.out and said.out.rstrip().endswith("  0a1b2c3d-run-of-a-cluster")
    assert "in no run that is recorded here" in said.err
    assert (output / "reports" / "0a1b2c3d-run-of-a-cluster" / "model_report.html").exists()


def test_of_recorded_runs_nothing_is_left_out(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = RecordedOutput(output)
    made.run("2026-01-02T03-04-05", version=2)
    (output / "reports" / "0a1b2c3d-run-of-a-cluster").rename(
        output / "reports" / made.database.run_id("2026-01-02T03-04-05")
    )
    assert main(["withdraw", WITHDRAWN, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    assert "Not looked at" not in said and "2 models were trained on the patient." in said
    assert "serving/chest/2; the patient is in train" in said and "serving/chest/1 (served; by its own" in said
