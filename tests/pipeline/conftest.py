"""One small sample and one run of the whole pipeline on it, shared by the tests that look at what it left."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyarrow import parquet

from data_schemas.task_file import load_task
from data_schemas.wire import example_pb2
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

    `withdrawal` and `later_run` go on in its output.
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


def contents(output: Path) -> Iterator[tuple[Path, bytes]]:
    """Yields every file outside the private folder, unpacked, its path included."""
    for path in output.rglob("*"):
        if not path.is_file() or path.relative_to(output).parts[0] == "private":
            continue
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        if path.suffix == ".parquet":
            data = repr(parquet.read_table(path).to_pydict()).encode()
        yield path, str(path).encode() + data


@dataclass(frozen=True)
class Withdrawal:
    """A patient of the train split who was withdrawn, and which files had an image of the patient before and after.

    Attributes:
        stopped: what a training that was stopped has learnt, from before.
        pages_left: pages and contact sheets, which show images and do not say whose.
    """

    patient: str
    image: bytes
    finished: Finished
    before: list[Path]
    after: list[Path]
    stopped: Path
    pages_left: list[Path]


@pytest.fixture(scope="session")
def withdrawal(marked_run: Run) -> Withdrawal:
    """Withdraws a patient from the marked run."""
    output = marked_run.output
    patient, image = _a_training_image(output)
    before = [path for path, data in contents(output) if image in data]
    stopped = output / "unfinished" / "synthetic_findings" / "training" / "0" / "weights.npz"
    stopped.parent.mkdir(parents=True, exist_ok=True)
    stopped.write_bytes(b"what a stopped training had learnt")
    finished = radflow("withdraw", patient, "--output", output)
    after = [path for path, data in contents(output) if image in data]
    pages = [*output.rglob("model_report.html"), *output.rglob("contact_sheet.png")]
    return Withdrawal(patient, image, finished, before, after, stopped, pages)


def _a_training_image(output: Path) -> tuple[str, bytes]:
    """Returns the pseudonym of a patient in the train split, and the bytes of one of the patient's images."""
    import tensorflow as tf

    files = [str(path) for path in output.glob("pipeline/DicomExampleGen/examples/*/Split-train/*.gz")]
    record = next(tf.data.TFRecordDataset(sorted(files), compression_type="GZIP").as_numpy_iterator())
    found: Any = example_pb2.Example.FromString(record).features.feature
    return found["patient"].bytes_list.value[0].decode(), found["image"].bytes_list.value[0]


@dataclass(frozen=True)
class Later:
    """A run after another, which was killed in training and run again.

    Attributes:
        page: its model report; withdrawals remove the file.
        versions: those that are served after it.
    """

    finished: Finished
    output: Path
    page: str
    versions: list[str]


@pytest.fixture(scope="session")
def later_run(marked_run: Run, withdrawal: Withdrawal) -> Later:
    """Another model for the data without who was withdrawn, with given hyperparameters and a gate that it cannot meet.

    A run takes most of a minute, so this one is killed, goes on, is compared and is refused.
    """
    folder = marked_run.output.parent
    task, given = yaml.safe_load(marked_run.task.read_text()), folder / "hyperparameters.json"
    given.write_text('{"learning_rate": 0.0123}')
    auroc = {"metric": "auroc", "finding": "nodule", "min_patients": 2}
    task["gates"] += [{"name": "champion", **auroc, "max_drop": 0.99}, {"name": "too much", **auroc, "min": 1.0}]
    strict = folder / "strict.yaml"
    strict.write_text(yaml.safe_dump(task))
    words = ["run", "--task", str(strict), "--manifest", str(marked_run.manifest), "--output", str(marked_run.output)]
    words += ["--hyperparameters", str(given), "--json"]
    with subprocess.Popen([*RADFLOW, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "epoch 1 of" in line)
        process.send_signal(signal.SIGKILL)
    finished = radflow(*words)
    page = max((marked_run.output / "reports").glob("*/model_report.html")).read_text(encoding="utf-8")
    served = marked_run.output / "serving" / "synthetic_findings"
    return Later(finished, marked_run.output, page, sorted(path.name for path in served.iterdir()))
