"""A task that judges studies, from several images a study to the served model: one small run of the whole pipeline."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from components.evaluator.results import read_cases, read_evaluation
from data_schemas.description import ModelDescription
from evaluation.judged import judged_cases
from serving.server.servable import Servable
from tests.pipeline.conftest import Run, radflow, write_task

pytestmark = pytest.mark.pipeline

SPLITS = ("train", "train", "eval", "calibration", "test")
TRAINING = {"epochs": 1, "patience": 1}


@pytest.fixture(scope="module")
def rows(sample: Path) -> list[dict[str, str]]:
    """Manifest rows of two films a study: of one label each, but for one study in ten, of which one film is normal.

    In the first two studies of the test split two films with different findings stand together.
    """
    films = defaultdict(list)
    with sample.open(newline="") as file:
        for row in csv.DictReader(file):
            films[row["label"]].append(str(sample.parent / row["file"]))
    pairs = [(label, label) for label in ("normal", "nodule", "cavity") for _ in range(15)]
    pairs += [("nodule", "normal")] * 5 + [("cavity", "nodule")] * 2
    found = []
    for number, pair in enumerate(pairs):
        split = "test" if pair == ("cavity", "nodule") else SPLITS[number % len(SPLITS)]
        named = {"patient_id": f"P{number}", "study_id": f"S{number}", "split": split}
        found += [{"file": films[label].pop(), "label": label, **named} for label in pair]
    return found


@pytest.fixture(scope="module")
def run(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("studies")
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    gate = {"name": "nodule AUROC", "metric": "auroc", "finding": "nodule", "min": 0.001, "min_patients": 2}
    task = write_task(folder / "task.yaml", unit="study", training=TRAINING, gates=[gate])
    output = folder / "output"
    finished = radflow("run", "--task", task, "--manifest", manifest, "--output", output, "--json")
    assert finished.code == 0, finished.err
    return Run(finished, task, manifest, output)


@pytest.fixture(scope="module")
def description(run: Run) -> ModelDescription:
    path = run.served / "1" / "assets.extra" / "description.json"
    return ModelDescription.model_validate_json(path.read_text())


def _studies(rows: list[dict[str, str]], split: str) -> set[str]:
    return {row["study_id"] for row in rows if row["split"] == split}


def test_what_is_fitted_is_fitted_on_studies(rows: list[dict[str, str]], description: ModelDescription) -> None:
    studies = _studies(rows, "calibration")
    assert description.task.unit == "study"
    assert description.calibration.images == description.calibration.patients == len(studies)
    ill = {row["study_id"] for row in rows if row["label"] == "nodule"} & studies
    assert description.prevalence["nodule"] == pytest.approx(len(ill) / len(studies))


def test_the_evaluator_judges_the_scores_that_the_served_calibrate_gives_to_mean_logits(
    run: Run, rows: list[dict[str, str]], description: ModelDescription
) -> None:
    (evaluation,) = (path.parent for path in run.output.rglob("cases.npz"))
    records, found = read_cases(evaluation), read_evaluation(evaluation)
    logits = defaultdict(list)
    for patient, raw_scores in zip(records.patients, records.raw_scores, strict=True):
        logits[patient].append(raw_scores)  # each patient has one study
    cases = judged_cases(records, description)
    mean = np.array([np.mean(logits[patient], axis=0) for patient in cases.patients], np.float32)
    served = Servable.load(run.served / "1").run("calibrate", {"raw_scores": mean})
    np.testing.assert_allclose(cases.scores, served["scores_at_calibration_prevalence"], atol=1e-6)
    assert len(records.patients) == 2 * len(_studies(rows, "test"))
    # Of two studies nobody can say which finding is theirs.
    assert found.unit == "study"
    assert found.overall.examples == found.overall.patients == len(cases.patients) == len(_studies(rows, "test")) - 2


def test_evaluate_says_of_the_same_images_what_the_evaluator_said(
    run: Run, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    manifest = tmp_path / "test.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row in rows if row["split"] == "test")
    done = radflow("evaluate", "--model", run.served, "--manifest", manifest, "--json")
    assert done.code == 0, done.err
    found = done.json
    (evaluation,) = (path.parent for path in run.output.rglob("metrics.json"))
    before = read_evaluation(evaluation).overall
    assert (found["unit"], found["examples"], found["rejected"]) == ("study", before.examples, 4)
    for finding, metrics in before.findings.items():
        assert found["findings"][finding]["auroc"]["value"] == pytest.approx(metrics["auroc"].value)


def test_datacheck_names_the_studies_that_are_left_out(run: Run) -> None:
    reports = [path.read_text(encoding="utf-8") for path in run.output.rglob("data_check.html")]
    assert reports and all("two findings: 2 groups of 4 images" in report for report in reports)
