"""Explanations of networks small enough to know the answer, and what holds for batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.explanations import attributions, grad_cam, integrated_gradients, layer_cam
from models.feature_maps import feature_maps
from models.network import Network, build_network
from tests.models.tasks import demo_task

METHODS = [layer_cam, grad_cam, integrated_gradients]


@pytest.fixture(scope="module")
def network() -> Network:
    return build_network(demo_task(image={"size": (64, 48)}), weights=None)


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    return tf.constant(np.random.default_rng(1).random((4, 64, 48, 1), np.float32))


@pytest.mark.parametrize("explain", METHODS)
def test_heatmaps_have_the_images_size_and_reach_1_and_the_logits_are_the_models(
    network: Network, images: tf.Tensor, explain: Callable[..., Any]
) -> None:
    heatmap, logits = explain(network, images, tf.constant([0, 1, 2, 0], tf.int64))
    assert heatmap.shape == (4, 64, 48)
    highest = np.max(heatmap, axis=(1, 2))
    assert np.min(heatmap) >= 0 and all(np.isclose(high, 1, atol=1e-6) or high == 0 for high in highest)
    assert highest.any()
    np.testing.assert_allclose(logits, network.model(images, training=False), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("explain", METHODS)
def test_a_batch_of_different_labels_is_explained_as_each_image_alone(
    network: Network, images: tf.Tensor, explain: Callable[..., Any]
) -> None:
    label = tf.constant([2, 0, 1, 0], tf.int64)
    in_graph = tf.function(
        lambda batch, labels: explain(network, batch, labels)[0], autograph=False, reduce_retracing=True
    )
    together = in_graph(images, label)
    alone = [in_graph(images[i : i + 1], label[i : i + 1])[0] for i in range(4)]
    np.testing.assert_allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("explain", METHODS)
def test_another_label_has_another_map(network: Network, images: tf.Tensor, explain: Callable[..., Any]) -> None:
    same = tf.repeat(images[:1], 3, axis=0)
    heatmaps = np.asarray(explain(network, same, tf.constant([0, 1, 2], tf.int64))[0])
    apart = [np.abs(heatmaps[i] - heatmaps[j]).max() > 0.05 for i, j in ((0, 1), (0, 2), (1, 2))]
    # Of a network with random weights, nothing may speak for two of the labels: both their maps are 0.
    silent = int(np.sum(heatmaps.max(axis=(1, 2)) == 0))
    assert silent < 3
    assert sum(apart) >= (3 if silent < 2 else 2)


def linear(kernel: np.ndarray) -> Network:
    """A network whose logits are linear: kernel (rows, columns, labels), on images of one channel."""
    rows, columns, labels = kernel.shape
    image = keras.Input((rows, columns, 1))
    dense = keras.layers.Dense(labels, use_bias=False)
    features = keras.Model(image, keras.layers.Rescaling(1.0)(image))
    head = keras.Model(image, dense(keras.layers.Flatten()(image)))
    dense.set_weights([kernel.reshape(rows * columns, labels).astype(np.float32)])
    return Network(keras.Model(image, head(features(image))), features, head, pretrained=False, jit_compile=False)


def test_attributions_of_a_linear_network_are_weight_times_pixel() -> None:
    rng = np.random.default_rng(3)
    kernel, image = rng.normal(size=(6, 5, 2)), rng.random((2, 6, 5, 1)).astype(np.float32)
    found = attributions(linear(kernel), tf.constant(image), tf.constant([1, 0], tf.int64))
    np.testing.assert_allclose(found[0, ..., 0], kernel[..., 1] * image[0, ..., 0], atol=1e-5)
    np.testing.assert_allclose(found[1, ..., 0], kernel[..., 0] * image[1, ..., 0], atol=1e-5)


@pytest.mark.parametrize("explain", METHODS[::2])
def test_the_pixel_that_decides_is_found_and_the_one_that_speaks_against_is_not(explain: Callable[..., Any]) -> None:
    kernel = np.zeros((16, 16, 2))
    kernel[3, 5, 1], kernel[10, 12, 1] = 5, -5
    images = tf.ones((1, 16, 16, 1))
    heatmap = np.asarray(explain(linear(kernel), images, tf.constant([1], tf.int64))[0])[0]
    expected = np.zeros((16, 16))
    expected[3, 5] = 1
    np.testing.assert_allclose(heatmap, expected, atol=1e-3)


def test_where_nothing_speaks_for_a_label_the_map_is_0() -> None:
    images, label = tf.ones((1, 8, 8, 1)), tf.constant([0], tf.int64)
    for explain in (layer_cam, integrated_gradients):
        np.testing.assert_array_equal(explain(linear(-np.ones((8, 8, 1))), images, label)[0], np.zeros((1, 8, 8)))


def test_integrated_gradients_gather_what_lies_within_a_gaussian() -> None:
    # On 128 pixels its standard deviation is 2: one step beside a lone pixel, exp(-1 / 8) of its height is left.
    kernel = np.zeros((128, 128, 1))
    kernel[60, 70] = 1
    heatmap = np.asarray(
        integrated_gradients(linear(kernel), tf.ones((1, 128, 128, 1)), tf.constant([0], tf.int64))[0]
    )[0]
    assert heatmap[60, 70] == 1
    assert heatmap[61, 70] == pytest.approx(np.exp(-1 / 8), abs=1e-4)
    assert heatmap[61, 73] == pytest.approx(np.exp(-10 / 8), abs=1e-4)


@pytest.mark.parametrize(
    "model",
    [{}, {"backbone": "mobilenet", "alpha": 0.25}],
    ids=["small_cnn", "mobilenet"],
)
def test_feature_maps_are_a_4th_an_8th_and_a_16th_of_the_image(model: dict[str, Any]) -> None:
    network = build_network(demo_task(model=model | {"weights": "none"}), weights=None)
    maps = feature_maps(network)
    shapes = [output.shape[1:3] for output in maps.outputs]
    assert shapes[:-1] == [(32, 32), (16, 16), (8, 8)]
    image = tf.constant(np.random.default_rng(0).random((1, 128, 128, 1), np.float32))
    np.testing.assert_allclose(maps(image)[-1], network.features(image), atol=1e-4)


def test_no_feature_map_lies_in_a_branch_or_beside_a_shortcut() -> None:
    image = keras.Input((32, 32, 1))
    before = keras.layers.Conv2D(3, 3, 4, padding="same", name="before")(image)
    shortcut = keras.layers.Conv2D(3, 1, name="beside")(before)
    joined = keras.layers.Add(name="joined")([before, shortcut])
    branches = [keras.layers.Conv2D(2, 3, 2, padding="same")(keras.layers.ReLU()(joined)) for _ in range(2)]
    features = keras.Model(image, keras.layers.Concatenate(name="last")(branches))
    head = keras.Sequential([keras.Input((4, 4, 4)), keras.layers.GlobalAveragePooling2D()])
    network = Network(keras.Model(image, head(features(image))), features, head, pretrained=False, jit_compile=False)
    fine, *_, last = feature_maps(network)(tf.ones((1, 32, 32, 1)))
    expected = keras.Model(image, [joined, features.output])(tf.ones((1, 32, 32, 1)))
    np.testing.assert_allclose(fine, expected[0], atol=1e-6)
    np.testing.assert_allclose(last, expected[1], atol=1e-6)


def test_a_small_image_has_each_feature_map_once() -> None:
    maps = feature_maps(build_network(demo_task(image={"size": (16, 16)}), weights=None))
    # Of 16 pixels, small_cnn makes 8, 4, 2 and 1.
    assert [output.shape[1] for output in maps.outputs] == [4, 2, 1, 1]
