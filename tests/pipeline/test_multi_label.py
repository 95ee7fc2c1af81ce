"""A multi-label task with unknown labels, tuned: to its end, and what the Tuner found is what the Trainer used."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from reports.tuning import load_results
from tests.pipeline.conftest import Finished, radflow, write_task

pytestmark = pytest.mark.pipeline


@dataclass(frozen=True)
class Tuned:
    """A finished run with a search."""

    finished: Finished
    task: Path
    manifest: Path
    output: Path

    @property
    def learning_rate(self) -> float:
        """The winner's."""
        best = next((self.output / "pipeline" / "Tuner").rglob("best_hyperparameters.txt")).read_text()
        return float(json.loads(best)["values"]["learning_rate"])


@pytest.fixture(scope="module")
def tuned(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """Returns a run of a multi-label task that searches for a learning rate."""
    folder = tmp_path_factory.mktemp("tuned")
    search = {"enabled": True, "max_trials": 2, "epochs": 1, "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True}}
    task = write_task(
        folder / "task.yaml",
        name="synthetic_findings",
        labels={"type": "multi_label", "names": ["nodule", "cavity"]},
        gates=[{"name": "nodule AUROC", "metric": "auroc", "finding": "nodule", "min": 0.001, "min_patients": 2}],
        tuning=search,
    )
    manifest, output = _manifest(sample, folder), folder / "output"
    finished = radflow("run", "--task", task, "--manifest", manifest, "--output", output, "--json")
    assert finished.code == 0, finished.err
    return Tuned(finished, task, manifest, output)


def test_a_tuned_multi_label_task_runs_to_its_end_with_what_the_search_found(tuned: Tuned) -> None:
    assert "trial" in tuned.finished.err and "] Pusher" in tuned.finished.err
    findings = tuned.finished.json["metrics"]["overall"]["findings"]
    assert set(findings) == {"nodule", "cavity"}
    assert all(0 <= metrics["auroc"]["value"] <= 1 for metrics in findings.values())
    description = json.loads((Path(tuned.finished.json["pushed"]) / "assets.extra" / "description.json").read_text())
    assert description["task"]["training"]["learning_rate"] == pytest.approx(tuned.learning_rate)
    assert tuned.learning_rate != 0.002


def test_every_trial_is_kept_and_nothing_that_a_killed_search_would_need(tuned: Tuned) -> None:
    (results,) = (tuned.output / "pipeline" / "Tuner" / "tuner_results").iterdir()
    assert {path.name for path in results.iterdir()} == {
        "trials.csv", "trials.json", "trials.svg", "tuner_results.json",
    }  # fmt: skip
    assert [trial.status for trial in load_results(results).trials] == ["completed", "completed"]
    assert not list((tuned.output / "unfinished").rglob("*.json"))
    assert not list((tuned.output / "pipeline" / "Tuner").rglob("*.npy"))


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
