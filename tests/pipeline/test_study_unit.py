"""A task that judges studies, from several images a study to the served model: one small run of the whole pipeline."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from data_schemas.description import ModelDescription
from tests.pipeline.conftest import Run, radflow, write_task

pytestmark = pytest.mark.pipeline

SPLITS = ("train", "train", "eval", "calibration", "test")


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
    task = write_task(folder / "task.yaml", unit="study", data_policy={"label_conflicts": "warn"})
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
