"""The Trainer's step on two devices and on two machines gives the model of one, for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from data_schemas.model_files import LOG_FOLDER
from tests.models.clusters import ROOT, tf_configs, worker
from tests.models.trainer_step import write_step

pytestmark = pytest.mark.clusters


@dataclass(frozen=True)
class Given:
    """What the Trainer is given."""

    folder: Path
    eval_records: list[bytes]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    folder = tmp_path_factory.mktemp("given")
    return Given(folder, write_step(folder)["eval"])


def _run(given: Given, out: Path, *mode: str, **environment: str) -> str:
    words = [sys.executable, "-m", "tests.models.trainer_step", str(given.folder), str(out), *mode]
    out.mkdir(exist_ok=True)
    ended = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stderr


@pytest.fixture(scope="module")
def alone(given: Given, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    _run(given, out)
    return out


def _assert_same_model(out: Path, alone: Path, given: Given) -> None:
    histories = [json.loads((folder / "run" / "history.json").read_text()) for folder in (out, alone)]
    # Sums of eight gradients are added where one of sixteen was: they differ in the last bits of float32, which Adam's
    # division by small second moments magnifies.
    for name in ("loss", "eval_loss", "learning_rate"):
        np.testing.assert_allclose(*([row[name] for row in history] for history in histories), rtol=1e-4)
    scores = []
    for folder in (out, alone):  # this process has one device
        model = tf.saved_model.load(str(folder / "model"))
        found = model.signatures["serving_default"](inputs=tf.constant(given.eval_records))
        scores.append(found["raw_scores"].numpy())
        expected = json.loads((folder / "run" / "eval_scores.json").read_text())["scores"]
        np.testing.assert_allclose(found["scores"].numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-3)
    written = [{path.relative_to(one) for path in one.rglob("*") if "events" not in path.name} for one in (out, alone)]
    assert written[0] == written[1]
    assert _drawn(out) == _drawn(alone) == {1, 2, 3}


def _drawn(out: Path) -> set[int]:
    """Returns the epochs that TensorBoard draws."""
    (file,) = (out / "run" / LOG_FOLDER).iterdir()
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    events = map(event_pb2.Event.FromString, records)
    return {event.step for event in events if any(value.tag == "eval_auc" for value in event.summary.value)}


def test_two_devices_of_one_machine(given: Given, alone: Path, tmp_path: Path) -> None:
    _run(given, tmp_path, "mirrored")
    _assert_same_model(tmp_path, alone, given)


def test_two_machines(given: Given, alone: Path, tmp_path: Path) -> None:
    first, second = tf_configs()
    out = tmp_path / "out"
    with worker(out / "unfinished", second, tmp_path / "log") as other:
        _run(given, out, TF_CONFIG=first)
        assert other.wait(60) == 0
    _assert_same_model(out, alone, given)
    said = (tmp_path / "log").read_text()
    assert "worker 1: all layers, epoch 2 of 2" in said
