"""The file that every pod runs, which the processes that a step starts load too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_loading_it_loads_neither_tfx_nor_tensorflow() -> None:
    code = "import sys, pipeline.kubeflow.step; print({'tfx', 'tensorflow', 'kfp', 'apache_beam'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
