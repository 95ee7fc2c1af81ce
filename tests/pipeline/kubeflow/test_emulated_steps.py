"""Steps that were compiled for Kubeflow run as its launcher runs them, up to a model that is pushed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import kubeflow_runner
from data_schemas.task_file import load_task
from imaging.synthetic import write_sample
from pipeline.kubeflow.options import ClusterOptions
from tests.models.clusters import tf_configs, worker
from tests.pipeline.conftest import write_task
from tests.pipeline.kubeflow.emulator import Cluster, StepError

STUDIES = 80
"""Fewer leave a split without a label."""


@pytest.fixture(scope="module")
def sample_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"), studies=STUDIES, seed=7)


def cluster(folder: Path, manifest: Path, root: str, *, training_job: bool = False, **changes: Any) -> Cluster:
    """Returns a cluster with a compiled pipeline; its volume is `folder/volume`."""
    options = ClusterOptions(
        root=root, output=folder / "volume" / "radflow", manifest=manifest, training_job=training_job
    )
    task = load_task(str(write_task(folder / "task.yaml", **changes)))
    kubeflow_runner.compile_pipeline(task, options, folder / "pipeline.yaml")
    return Cluster(folder / "pipeline.yaml", folder)


@pytest.mark.pipeline
def test_the_first_steps_find_the_data_read_them_and_notice_when_they_change(
    sample_manifest: Path, tmp_path: Path
) -> None:
    ours = cluster(tmp_path, sample_manifest, "minio://mlpipeline/radflow")
    run = ours.run("run-1", "Prepare", "ImportSchemaGen", "DicomExampleGen")
    examples = run.outputs["DicomExampleGen"]["artifacts"]["examples"]
    assert examples["uri"] == "minio://mlpipeline/radflow/synthetic-chest/run-1/DicomExampleGen/examples"
    assert json.loads(examples["metadata"]["split_names"]) == ["train", "eval", "calibration", "test"]
    stored = tmp_path / "store/minio/mlpipeline/radflow/synthetic-chest/run-1"
    assert len(list((stored / "DicomExampleGen" / "examples").glob("Split-*/*"))) >= 4
    assert (stored / "ImportSchemaGen" / "schema" / "schema.pbtxt").is_file()
    again = ours.run("run-2", "Prepare", "ImportSchemaGen", "DicomExampleGen")
    assert again.executed == ["Prepare"]
    with sample_manifest.open(newline="") as file:
        changed = sample_manifest.parent / next(csv.DictReader(file))["file"]
    before = again.cache_key("DicomExampleGen"), again.cache_key("ImportSchemaGen")
    changed.touch()
    again.step("Prepare")
    assert again.cache_key("DicomExampleGen") != before[0]
    assert again.cache_key("ImportSchemaGen") == before[1]


@pytest.mark.clusters
@pytest.mark.parametrize("form", ["local", "bucket"])
def test_every_step_runs_until_a_model_is_pushed(form: str, sample_manifest: Path, tmp_path: Path) -> None:
    root = {"local": str(tmp_path / "root"), "bucket": "gs://bucket/radflow"}[form]
    ours = cluster(tmp_path, sample_manifest, root)
    run = ours.run("run-1")
    assert run.executed == ours.order()
    volume = tmp_path / "volume" / "radflow"
    served = volume / "serving" / "synthetic_chest" / "1"
    assert (served / "saved_model.pb").is_file() and (served / "assets.extra" / "SHA256SUMS").is_file()
    assert "candidate" in (volume / "serving" / "models.config").read_text()
    blessing = run.outputs["Evaluator"]["artifacts"]["blessing"]["metadata"]
    assert blessing["blessed"] == 1
    assert blessing["current_model_id"] == run.outputs["Trainer"]["artifacts"]["model"]["name"]
    assert run.outputs["Pusher"]["artifacts"]["pushed_model"]["metadata"]["pushed_destination"] == str(served)
    assert {path.name for path in (volume / "reports").iterdir()} == {"run-1"}
    assert (volume / "reports" / "run-1" / "model_report.html").is_file()
    assert run.outputs["Champion"]["artifacts"]["champion"]["metadata"]["usable"] == 0

    again = ours.run("run-2")
    # The StressTest's model and images are those of before.
    assert set(again.executed) == {"Prepare", "Champion", "Evaluator", "Pusher", "ModelReport", "Settle"}
    assert again.outputs["Champion"]["artifacts"]["champion"]["metadata"]["version"] == "1"
    assert again.outputs["Pusher"]["artifacts"]["pushed_model"]["metadata"]["already_served"] == 1
    assert [path.name for path in served.parent.iterdir() if path.name.isdigit()] == ["1"]


@pytest.mark.clusters
def test_the_trainer_waits_for_workers_of_a_training_job(sample_manifest: Path, tmp_path: Path) -> None:
    ours = cluster(tmp_path, sample_manifest, "minio://mlpipeline/radflow", training_job=True)
    unfinished = tmp_path / "volume" / "radflow" / "unfinished" / "synthetic_chest" / "training"
    first, second = tf_configs()
    with (
        worker(unfinished, first, tmp_path / "log0") as chief,
        worker(unfinished, second, tmp_path / "log1") as other,
    ):
        steps = ours.order()
        run = ours.run("run-1", *steps[: steps.index("Trainer") + 1])
        assert (chief.wait(60), other.wait(60)) == (0, 0)
    assert run.executed[-1] == "Trainer" and list(unfinished.iterdir()) == []
    model = tmp_path / "store/minio/mlpipeline/radflow/synthetic-chest/run-1/Trainer/model"
    assert (model / "Format-Serving" / "saved_model.pb").is_file()


@pytest.mark.clusters
def test_a_refused_model_is_not_pushed_and_what_is_served_stays(sample_manifest: Path, tmp_path: Path) -> None:
    gate = {"name": "nodule AUROC", "metric": "auroc", "finding": "nodule", "min": 0.9999, "min_patients": 2}
    ours = cluster(tmp_path, sample_manifest, "s3://bucket", gates=[gate])
    *steps, last = ours.order()  # Kubeflow begins nothing after a failure
    run = ours.run("run-1", *steps)
    with pytest.raises(StepError, match=r"(?s)Settle ended with 3: .*a gate refused the model: nothing was pushed"):
        run.step(last)
    assert run.outputs["Evaluator"]["artifacts"]["blessing"]["metadata"]["blessed"] == 0
    assert run.outputs["Pusher"]["artifacts"]["pushed_model"]["metadata"]["pushed"] == 0
    assert not (tmp_path / "volume" / "radflow" / "serving").exists()
    assert (tmp_path / "volume" / "radflow" / "reports" / "run-1" / "model_report.html").is_file()


@pytest.mark.clusters
def test_refused_data_end_the_run_with_their_exit_code_and_a_report_that_stays(
    sample_manifest: Path, tmp_path: Path
) -> None:
    ours = cluster(tmp_path, sample_manifest, "s3://bucket", data_policy={"small_groups": "block"})
    with pytest.raises(StepError, match=r"(?s)DataCheck ended with 4: .*the whole report"):
        ours.run("run-1")
    assert (tmp_path / "volume" / "radflow" / "reports" / "run-1" / "data_check.html").is_file()
    assert not (tmp_path / "pods" / "run-1" / "Trainer").exists()
