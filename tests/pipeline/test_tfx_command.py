"""TFX's own command on `local_runner.py`, as its documentation says, from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.pipeline.conftest import Run

pytestmark = pytest.mark.pipeline


def test_tfx_creates_and_runs_the_pipeline_that_radflow_runs(first_run: Run, tmp_path: Path) -> None:
    """In the output of `radflow run`: what is unchanged comes from its cache, so that both run the same pipeline."""
    before = executions(first_run.output)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LOCAL_HOME": str(tmp_path / "tfx"),
        "RADFLOW_TASK": str(first_run.task),
        "RADFLOW_MANIFEST": str(first_run.manifest),
        "RADFLOW_OUTPUT": str(first_run.output),
    }
    runner = Path(__file__).parents[2] / "local_runner.py"
    for words in (
        ["pipeline", "create", "--engine", "local", "--pipeline-path", str(runner)],
        ["run", "create", "--engine", "local", "--pipeline-name", "synthetic_chest"],
    ):
        done = subprocess.run(
            [Path(sys.executable).with_name("tfx"), *words],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    after = executions(first_run.output)
    assert after["Pusher/pushed_model"] == before["Pusher/pushed_model"] + 1  # it never comes from the cache
    for cached in ("DicomExampleGen/examples", "Transform/transform_graph", "Trainer/model"):
        assert after[cached] == before[cached]
    assert (first_run.served / "1" / "saved_model.pb").is_file()


def executions(output: Path) -> Counter[str]:
    """Returns how many folders each output of each step has: one for every time that it was executed."""
    return Counter(str(one.parent.relative_to(output / "pipeline")) for one in output.glob("pipeline/*/*/*"))
