"""Devices: what is chosen, and that two devices come to the weights of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data_schemas.errors import ConfigurationError
from data_schemas.training_cluster import TrainingCluster
from models import devices
from models.devices import Devices, _cpu_has_bfloat16, _fast_precision, find_devices
from models.network import build_network
from models.training import train
from tests.models.clusters import tf_configs
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a small network, which is taken for pretrained: its BatchNorm stays as it is, on one device or two."""
    task = demo_task(image={"size": (SIZE, SIZE)})
    path = tmp_path_factory.mktemp("weights") / "own.weights.h5"
    next(
        layer for layer in build_network(task, weights=None).features.layers if layer.name == "small_cnn"
    ).save_weights(path)
    return path


def _start(mode: str, weights: Path, out: Path, *words: object) -> subprocess.Popen[str]:
    script = [sys.executable, "-m", "tests.models.distributed_training", mode, weights, out, *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [*map(str, script)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _finished(*processes: subprocess.Popen[str]) -> None:
    try:
        for process in processes:
            text, _ = process.communicate(timeout=280)
            assert process.returncode == 0, text[-3000:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def single(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    out = tmp_path_factory.mktemp("single") / "out.npz"
    _finished(_start("single", weights, out))
    return dict(np.load(out))


def _assert_same(found: Path, expected: dict[str, np.ndarray]) -> None:
    with np.load(found) as values:
        assert set(values) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(values[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_two_devices_come_to_the_weights_of_one(weights: Path, single: dict, tmp_path: Path) -> None:
    _finished(_start("mirrored", weights, tmp_path / "out.npz"))
    _assert_same(tmp_path / "out.npz", single)


def test_one_device_and_float32_without_gpus() -> None:
    found = find_devices()
    assert (found.replicas, found.precision, found.chief) == (1, "float32", True)
    assert find_devices("mixed_bfloat16").precision == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("flags", "precision"),
    [("sse4_2 avx512_bf16 fma", "mixed_bfloat16"), ("amx_bf16", "mixed_bfloat16"), ("avx2", "float32")],
)
def test_a_cpu_without_bfloat16_stays_with_float32(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, precision: str
) -> None:
    (tmp_path / "cpuinfo").write_text(f"flags\t: {flags}\n")
    monkeypatch.setattr(devices, "_cpu_has_bfloat16", lambda: _cpu_has_bfloat16(tmp_path / "cpuinfo"))
    assert find_devices(cpu_precision="mixed_bfloat16").precision == precision
    assert find_devices().precision == "float32"


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((9, 0), "mixed_bfloat16"), ((8, 0), "mixed_bfloat16"), ((7, 5), "mixed_float16"), ((6, 1), "float32")],
)
def test_the_least_able_gpu_decides(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], precision: str
) -> None:
    details = iter([{"compute_capability": (9, 0)}, {"compute_capability": capability}])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: next(details))
    assert _fast_precision(["a", "b"]) == precision


CLUSTER = TrainingCluster(("127.0.0.1:1", "127.0.0.1:2"), index=0)


def test_a_cluster_that_is_joined_too_late_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    tf.constant(1.0) + 1.0
    monkeypatch.setenv("TF_CONFIG", tf_configs()[0])
    with pytest.raises(ConfigurationError, match="first"):
        find_devices(cluster=CLUSTER)


def test_what_trains_here_alone_does_not_look_at_tf_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_configs()[1])
    found = find_devices()
    assert (found.replicas, found.chief) == (1, True)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_a_mixed_precision_training_learns_and_exports_float32(precision: str) -> None:
    rates = {"learning_rate": 3e-3, "backbone_learning_rate": 1e-3}
    training = {"epochs": 4, "batch_size": 16, "augmentation": {}, "patience": 9, "precision": precision}
    task = demo_task(image={"size": (SIZE, SIZE)}, training=training | rates)
    trained = train(task, quarter_split(1), quarter_split(2), weights=None)
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]
    # The demo's network on its own layers, so that a policy that leaks would show.
    computed = {layer.compute_dtype for layer in trained.network.features.layers}
    assert computed == {"float32"}
    assert build_network(task, weights=None).model.compute_dtype == "float32"


def test_building_gives_the_policy_back() -> None:
    with Devices(tf.distribute.get_strategy(), "mixed_bfloat16").building():
        assert build_network(demo_task(image={"size": (SIZE, SIZE)}), weights=None).features.compute_dtype != "float32"
    assert build_network(demo_task(image={"size": (SIZE, SIZE)}), weights=None).features.compute_dtype == "float32"
