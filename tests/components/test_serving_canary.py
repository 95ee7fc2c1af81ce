"""The canary: a served model that answers as the Trainer did is blessed, and no other."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from components.serving_canary.executor import judge
from data_schemas.wire import example_pb2

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model, whose logit of label k is k x the feature `mean`."""
    folder = tmp_path_factory.mktemp("canary") / "model"
    runpy.run_path(str(Path(__file__).parents[1] / "serving" / "toy_model.py"))["export"](folder)
    return folder


@pytest.fixture(scope="module")
def rows() -> dict[str, bytes]:
    found = {}
    for index in range(20):
        example = example_pb2.Example()
        example.features.feature["mean"].float_list.value.append(index / 20)
        found[f"id{index}"] = example.SerializeToString()
    return found


def _expected(path: Path, *, error: float = 0.0) -> Path:
    logits = np.arange(20)[:, None] / 20 * np.arange(3)
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores[7, 1] += error
    path.write_text(json.dumps({"example_ids": [f"id{i}" for i in range(20)], "scores": scores.tolist()}))
    return path


def test_equal_scores_are_blessed(model: Path, rows: dict[str, bytes], tmp_path: Path) -> None:
    verdict = judge(model, rows, _expected(tmp_path / "scores.json"))
    assert verdict.reason == ""
    assert verdict.largest_difference < 1e-6
    assert verdict.latency_p50_ms > 0


def test_one_score_that_differs_is_refused(model: Path, rows: dict[str, bytes], tmp_path: Path) -> None:
    verdict = judge(model, rows, _expected(tmp_path / "scores.json", error=1e-3))
    assert "differ from the Trainer's by 0.001" in verdict.reason


def test_a_model_that_does_not_load_is_refused(model: Path, rows: dict[str, bytes], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes((model / "saved_model.pb").read_bytes()[:-100])
    verdict = judge(broken, rows, _expected(tmp_path / "scores.json"))
    assert verdict.reason.startswith("the model does not serve")
