"""One small task compiled once, for the tests that look at what was compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import kubeflow_runner
from data_schemas.task_file import load_task
from pipeline.kubeflow.options import ClusterOptions, read_resources, read_secret, read_volume
from tests.pipeline.conftest import write_task

OPTIONS = ClusterOptions(
    image="registry.example/radflow-pipeline:1",
    root="gs://bucket/radflow",
    output=Path("/data/radflow"),
    manifest=Path("/data/manifest.csv"),
    resources=dict([read_resources("Trainer=cpu:4,memory:16Gi,gpu:1"), read_resources("all=cpu:500m,memory:2G")]),
    secrets=(read_secret("AWS_SECRET_ACCESS_KEY=object-store/secretkey"),),
    volumes=(read_volume("radflow-data:/data"),),
)


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the YAML of a task with a search."""
    folder = tmp_path_factory.mktemp("compiled")
    task = write_task(folder / "task.yaml", tuning={"enabled": True, "batch_size": [8, 16]})
    kubeflow_runner.compile_pipeline(
        load_task(str(task)), OPTIONS, folder / "pipeline.yaml", beam_args=("--direct_num_workers=2",)
    )
    return folder / "pipeline.yaml"


@pytest.fixture(scope="session")
def documents(compiled: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the two documents of the YAML: the specification, and what Kubernetes is told."""
    spec, platform = yaml.safe_load_all(compiled.read_text())
    return spec, platform
