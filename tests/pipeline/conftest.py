"""One small sample and one run of the whole pipeline on it, shared by the tests that look at what it left."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_schemas.task_file import load_task
from imaging.synthetic import write_sample
from tests.pipeline.marked_sample import write_marked

STUDIES = 160
RADFLOW = (sys.executable, "-m", "cli.main")


@dataclass(frozen=True)
class Finished:
    """A `radflow` command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of standard output."""
        value: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return value


def radflow(*words: str | Path, cwd: Path | None = None, timeout_s: float = 600) -> Finished:
    """Runs a command in a process of its own, as a user would."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*RADFLOW, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
        timeout=timeout_s,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def write_task(path: Path, **changes: Any) -> Path:
    """Writes the demo's task, made quick, with keys replaced; returns its path."""
    task = load_task("synthetic_chest").model_dump(mode="json")
    task["image"] |= {"size": [64, 64], "max_side": 128}
    task["training"] |= {"epochs": 2}
    task["decisions"] |= {"age_range": [40, 59]}
    task["splits"] = {"train": 0.4, "eval": 0.25, "calibration": 0.1, "test": 0.25, "salt": ""}
    task["gates"] = [
        {"name": "nodule AUROC", "metric": "auroc", "finding": "nodule", "min": 0.001, "min_patients": 2},
        {"name": "champion", "metric": "balanced_accuracy", "max_drop": 0.99, "min_patients": 2},
    ]
    path.write_text(yaml.safe_dump(task | changes))
    return path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the manifest of a small sample."""
    return write_sample(tmp_path_factory.mktemp("sample"), studies=STUDIES, seed=7)


@pytest.fixture(scope="session")
def broken_sample(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a manifest that has, besides the sample, a truncated file, one without pixels, and no DICOM at all."""
    import pydicom

    folder = tmp_path_factory.mktemp("broken")
    with sample.open(newline="") as file:
        rows = list(csv.DictReader(file))
    first = sample.parent / rows[0]["file"]
    (folder / "truncated.dcm").write_bytes(first.read_bytes()[:-5000])
    (folder / "text.dcm").write_text("not DICOM")
    dataset = pydicom.dcmread(first)
    del dataset.PixelData
    dataset.save_as(folder / "no_pixels.dcm")
    planted = [rows[0] | {"file": str(folder / name)} for name in ("truncated.dcm", "text.dcm", "no_pixels.dcm")]
    kept = [row | {"file": str(sample.parent / row["file"])} for row in rows]
    manifest = folder / "manifest.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows([*kept, *planted])
    return manifest


@dataclass(frozen=True)
class Run:
    """A finished run and where its things are."""

    finished: Finished
    task: Path
    manifest: Path
    output: Path

    @property
    def served(self) -> Path:
        """The folder that a server polls."""
        return self.output / "serving" / "synthetic_chest"


@pytest.fixture(scope="session")
def first_run(broken_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Returns a run that ends in a pushed model, with three broken files among its images."""
    output = tmp_path_factory.mktemp("run") / "output"
    task = write_task(output.parent / "task.yaml")
    finished = radflow("run", "--task", task, "--manifest", broken_sample, "--output", output, "--json")
    assert finished.code == 0, finished.err
    return Run(finished, task, broken_sample, output)


@pytest.fixture(scope="session")
def marked_run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Returns a run with a search, of several findings, on data whose every word names a patient.

    What withdraws a patient runs again in its output.
    """
    manifest = write_marked(sample, tmp_path_factory.mktemp("marked"))
    output = tmp_path_factory.mktemp("private_run") / "output"
    task = write_task(
        output.parent / "task.yaml",
        name="synthetic_findings",
        consent="required",
        labels={"type": "multi_label", "names": ["nodule", "cavity"]},
        gates=[{"name": "nodule AUROC", "metric": "auroc", "finding": "nodule", "min": 0.001, "min_patients": 2}],
        tuning={
            "enabled": True,
            "max_trials": 2,
            "epochs": 1,
            "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
        },
    )
    finished = radflow("run", "--task", task, "--manifest", manifest, "--output", output, "--json")
    assert finished.code == 0, finished.err
    return Run(finished, task, manifest, output)
