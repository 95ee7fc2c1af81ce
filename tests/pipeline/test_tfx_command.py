"""TFX's own command on `local_runner.py`, as its documentation says, from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import Run

pytestmark = pytest.mark.pipeline


def test_tfx_creates_and_runs_the_pipeline(first_run: Run, tmp_path: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LOCAL_HOME": str(tmp_path / "tfx"),
        "RADFLOW_TASK": str(first_run.task),
        "RADFLOW_MANIFEST": str(first_run.manifest),
        "RADFLOW_OUTPUT": str(tmp_path / "output"),
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
    assert (tmp_path / "output" / "serving" / "synthetic_chest" / "1" / "saved_model.pb").is_file()
