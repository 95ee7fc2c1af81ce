"""The last step of a cluster's run says by its exit code what became of the model, as `radflow run` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import kubeflow_runner


def settle(output: Path, *, blessed: float, pushed: float) -> int:
    inputs = {"blessing": {"blessed": blessed}, "pushed_model": {"pushed": pushed, "pushed_destination": "/x"}}
    request = {
        "inputs": {
            "artifacts": {
                name: {"artifacts": [{"name": "7", "uri": f"s3://bucket/{name}", "metadata": noted}]}
                for name, noted in inputs.items()
            }
        }
    }
    return kubeflow_runner.main(["settle", "--output", str(output), "--executor_input", json.dumps(request)])


@pytest.mark.parametrize(
    ("blessed", "pushed", "code", "message"),
    [
        (1, 1, 0, ""),
        (1.0, 1.0, 0, ""),
        (0, 0, 3, "a gate refused the model: nothing was pushed"),
        (1, 0, 5, "the canary refused the model: nothing was pushed"),
    ],
)
def test_a_model_that_was_not_pushed_fails_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], blessed: float, pushed: float, code: int, message: str
) -> None:
    assert settle(tmp_path, blessed=blessed, pushed=pushed) == code
    said = capsys.readouterr().err
    assert message in said and bool(said) == bool(message)
    assert not message or f"{tmp_path}/reports says why" in said
