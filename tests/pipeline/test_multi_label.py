"""A multi-label task with unknown labels, tuned: to its end, and what the Tuner found is what the Trainer used."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

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
    assert "trial" in finished.err and "[12/12] Pusher" in finished.err
    findings = finished.json["metrics"]["overall"]["findings"]
    assert set(findings) == {"nodule", "cavity"}
    assert all(0 <= metrics["auroc"]["value"] <= 1 for metrics in findings.values())
    description = json.loads((Path(finished.json["pushed"]) / "assets.extra" / "description.json").read_text())
    best = next((tmp_path / "output" / "pipeline" / "Tuner").rglob("best_hyperparameters.txt")).read_text()
    tuned = json.loads(best)["values"]["learning_rate"]
    assert description["task"]["training"]["learning_rate"] == pytest.approx(tuned)
    assert tuned != 0.002


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
