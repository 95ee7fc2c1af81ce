"""A multi-label task with unknown labels, tuned: to its end, and what the Tuner found is what the Trainer used."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from reports.tuning import load_results
from tests.pipeline.conftest import radflow, write_task

pytestmark = pytest.mark.pipeline


def test_a_tuned_multi_label_task_runs_to_its_end(sample: Path, tmp_path: Path) -> None:
    task = write_task(
        tmp_path / "task.yaml",
        name="synthetic_findings",
        labels={"type": "multi_label", "names": ["nodule", "cavity"]},
        gates=[{"name": "nodule AUROC", "metric": "auroc", "finding": "nodule", "min": 0.0}],
        tuning={
            "enabled": True,
            "max_trials": 2,
            "epochs": 1,
            "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
        },
    )
    finished = radflow(
        "run", "--task", task, "--manifest", _manifest(sample, tmp_path), "--output", tmp_path / "output", "--json"
    )
    assert finished.code == 0, finished.err
    assert "trial" in finished.err and "[13/13] Pusher" in finished.err
    findings = finished.json["metrics"]["overall"]["findings"]
    assert set(findings) == {"nodule", "cavity"}
    assert all(0 <= metrics["auroc"]["value"] <= 1 for metrics in findings.values())
    description = json.loads((Path(finished.json["pushed"]) / "assets.extra" / "description.json").read_text())
    best = next((tmp_path / "output" / "pipeline" / "Tuner").rglob("best_hyperparameters.txt")).read_text()
    tuned = json.loads(best)["values"]["learning_rate"]
    assert description["task"]["training"]["learning_rate"] == pytest.approx(tuned)
    assert tuned != 0.002
    _look_at_the_search(tmp_path / "output")
    _use_the_winner_again(task, tmp_path, tuned)


def _look_at_the_search(output: Path) -> None:
    """Every trial is kept, what goes on after a kill is not, and there is no image beside them."""
    (results,) = (output / "pipeline" / "Tuner" / "tuner_results").iterdir()
    assert {path.name for path in results.iterdir()} == {
        "trials.csv", "trials.json", "trials.svg", "tuner_results.json",
    }  # fmt: skip
    assert [trial.status for trial in load_results(results).trials] == ["completed", "completed"]
    assert not list((output / "unfinished").rglob("*.json"))
    assert not list((output / "pipeline" / "Tuner").rglob("*.npy"))


def _use_the_winner_again(task: Path, folder: Path, tuned: float) -> None:
    """Another run in the same place takes the winner from the first, through an Importer, without a search."""
    output = folder / "output"
    again = radflow(
        "run", "--task", task, "--manifest", folder / "findings.csv", "--output", output, "--hyperparameters", output
    )
    assert again.code == 0, again.err
    assert "trial" not in again.err and "Tuner" not in again.err
    assert "] Importer" in again.err and "[13/13] Pusher" in again.err
    newest = max((output / "serving" / "synthetic_findings").iterdir(), key=lambda path: int(path.name))
    description = json.loads((newest / "assets.extra" / "description.json").read_text())
    assert description["task"]["training"]["learning_rate"] == pytest.approx(tuned)


def _manifest(sample: Path, folder: Path) -> Path:
    """Spells the sample's labels as one column a finding; every tenth nodule is unknown."""
    path = folder / "findings.csv"
    with sample.open() as source, path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["file", "nodule", "cavity"])
        for number, row in enumerate(csv.DictReader(source)):
            nodule = -1 if number % 10 == 0 else int(row["label"] == "nodule")
            writer.writerow([sample.parent / row["file"], nodule, int(row["label"] == "cavity")])
    return path
