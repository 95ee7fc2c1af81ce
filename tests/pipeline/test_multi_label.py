"""A multi-label task with unknown labels, tuned: to its end, and what the Tuner found is what the Trainer used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.tuning import load_results
from tests.pipeline.conftest import Run

pytestmark = pytest.mark.pipeline


def _learning_rate(run: Run) -> float:
    """Returns the winner's; a later run of other tests may have searched again."""
    found = (run.output / "pipeline" / "Tuner").rglob("best_hyperparameters.txt")
    best = min(found, key=lambda path: int(path.parent.name)).read_text()
    return float(json.loads(best)["values"]["learning_rate"])


def test_a_tuned_multi_label_task_runs_to_its_end_with_what_the_search_found(marked_run: Run) -> None:
    assert "trial" in marked_run.finished.err and "] Pusher" in marked_run.finished.err
    findings = marked_run.finished.json["metrics"]["overall"]["findings"]
    assert set(findings) == {"nodule", "cavity"}
    assert all(0 <= metrics["auroc"]["value"] <= 1 for metrics in findings.values())
    pushed = Path(marked_run.finished.json["pushed"])
    description = json.loads((pushed / "assets.extra" / "description.json").read_text())
    assert description["task"]["training"]["learning_rate"] == pytest.approx(_learning_rate(marked_run))
    assert _learning_rate(marked_run) != 0.002


def test_every_trial_is_kept_and_nothing_that_a_killed_search_would_need(marked_run: Run) -> None:
    every = (marked_run.output / "pipeline" / "Tuner" / "tuner_results").iterdir()
    results = min(every, key=lambda folder: int(folder.name))
    assert {path.name for path in results.iterdir()} == {
        "trials.csv", "trials.json", "trials.svg", "tuner_results.json",
    }  # fmt: skip
    assert [trial.status for trial in load_results(results).trials] == ["completed", "completed"]
    assert not list((marked_run.output / "unfinished").rglob("*.json"))
    assert not list((marked_run.output / "pipeline" / "Tuner").rglob("*.npy"))
