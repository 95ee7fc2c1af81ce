"""TFX's own command on `kubeflow_runner.py`, as docs/kubeflow.md says, from another folder and without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.pipeline

RUNNER = Path(__file__).parents[3] / "kubeflow_runner.py"
_OFFLINE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


def test_vertex_creates_the_pipeline_that_radflow_compiles(tmp_path: Path) -> None:
    environment = os.environ | _OFFLINE | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "VERTEX_HOME": str(tmp_path / "vertex"),
        "RADFLOW_IMAGE": "europe-docker.pkg.dev/project/radflow-pipeline:1",
        "RADFLOW_ROOT": "gs://bucket/radflow",
        "RADFLOW_OUTPUT": "/gcs/bucket/output",
        "RADFLOW_MANIFEST": "/gcs/bucket/manifest.csv",
    }  # fmt: skip
    done = subprocess.run(
        [Path(sys.executable).with_name("tfx"), "pipeline", "create", "--engine", "vertex", "--pipeline-path", RUNNER],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'Pipeline "synthetic-chest" created successfully.' in done.stdout
    job = json.loads((tmp_path / "vertex" / "synthetic-chest" / "pipeline.json").read_text())
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/radflow"
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    assert {one["container"]["image"] for one in executors.values()} == {environment["RADFLOW_IMAGE"]}
    assert executors["Trainer_executor"]["container"]["command"] == ["python", "-m", "pipeline.kubeflow.step"]
    assert "/gcs/bucket/manifest.csv" in executors["Prepare_executor"]["container"]["command"]
    assert "Settle" in job["pipelineSpec"]["root"]["dag"]["tasks"]
