"""Networks: freezing, channels, and the three views."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from data_schemas.task import Task
from models.network import Network, build_network
from tests.models.tasks import demo_task


@pytest.fixture(scope="module")
def tiny() -> tuple[Task, Network]:
    task = demo_task(image={"size": (32, 32)}, model={"pooling": "avg", "hidden": (8,)})
    return task, build_network(task, weights=None)


def test_features_and_head_compose_to_the_model(tiny: tuple[Task, Network]) -> None:
    _, network = tiny
    images = np.random.default_rng(1).random((3, 32, 32, 1), np.float32)
    composed = network.head(network.features(images, training=False), training=False)
    np.testing.assert_allclose(network.model(images, training=False), composed, rtol=1e-5)


def test_a_frozen_backbone_leaves_only_the_head_to_fit(tiny: tuple[Task, Network]) -> None:
    _, network = tiny
    network.set_backbone_trainable(False)
    assert len(network.model.trainable_variables) == len(network.head.trainable_variables) == 4
    network.set_backbone_trainable(True)
    assert len(network.model.trainable_variables) > 4


def test_a_pretrained_backbone_keeps_its_batch_norm_frozen(tmp_path: Path) -> None:
    task = demo_task(image={"size": (32, 32)}, model={"backbone": "mobilenet", "alpha": 0.25, "weights": "imagenet"})
    file = tmp_path / "own.weights.h5"
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None).save_weights(file)
    network = build_network(task, weights=file)
    network.set_backbone_trainable(True)
    backbone = next(layer for layer in network.features.layers if isinstance(layer, keras.Model))
    norms = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms and not any(layer.trainable for layer in norms)
    assert any(layer.trainable_variables for layer in backbone.layers)


def test_the_same_seed_builds_the_same_network() -> None:
    task = demo_task(image={"size": (32, 32)})
    first, second = (build_network(task, weights=None).model.get_weights() for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_windows_are_mixed_into_the_colors_of_pretrained_weights(tmp_path: Path) -> None:
    windows = [{"center": 40, "width": 400}, {"center": 300, "width": 1500}]
    task = demo_task(
        modalities=("CT",),
        intensity={"policy": "hounsfield", "windows": windows},
        image={"size": (32, 32)},
        model={"backbone": "mobilenet", "alpha": 0.25, "weights": "imagenet"},
    )
    keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None).save_weights(
        tmp_path / "own.weights.h5"
    )
    network = build_network(task, weights=tmp_path / "own.weights.h5")
    network.set_backbone_trainable(True)
    mix = network.features.get_layer("windows_to_color")
    assert len(mix.trainable_variables) == 1 and network.pretrained
    network.set_backbone_trainable(False)
    assert not mix.trainable_variables
    first = np.random.default_rng(5).random((1, 32, 32, 1), np.float32)
    gray = build_network(
        task.model_copy(update={"intensity": demo_task().intensity}), weights=tmp_path / "own.weights.h5"
    )
    # Two windows that show the same are as gray as one.
    both = np.concatenate([first, first], axis=-1)
    np.testing.assert_allclose(network.features(both), gray.features(first), atol=1e-5)
