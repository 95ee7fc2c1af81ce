"""The sanity check itself: what must fail it, what it counts, and that it leaves networks as they were."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.explanation_checks import check_explanations, weight_randomization
from models.explanations import Explanation
from models.network import Network, build_network
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task

LABEL = np.array([1, 2], np.int64)


def small_network(seed: int) -> Network:
    return build_network(demo_task(image={"size": (32, 32)}, training={"seed": seed}), weights=None)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    films = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    films[:, :8] = 0  # padding
    return films


def edges(network: Network, images: tf.Tensor, label: tf.Tensor) -> Explanation:
    """An edge detector: it looks like an explanation, and asks the network nothing."""
    steep = tf.reduce_sum(tf.square(tf.image.sobel_edges(images)), axis=(-1, -2))
    return steep, network.model(images)


def brightest_filter(network: Network, images: tf.Tensor, label: tf.Tensor) -> Explanation:
    """The image times the sign of the first weight of the logits: what the last layer alone decides."""
    return images[..., 0] * tf.sign(network.head.weights[0][0, 0]), network.model(images)


def blank(network: Network, images: tf.Tensor, label: tf.Tensor) -> Explanation:
    return tf.ones_like(images[..., 0]), network.model(images)


def test_a_map_that_asks_the_network_nothing_stays_the_same(images: np.ndarray) -> None:
    found = weight_randomization(edges, small_network(1), small_network(2), images=images, label=LABEL)
    assert [stage.similarity for stage in found] == pytest.approx([1.0] * 4)


def test_layers_become_random_from_the_logits_down(images: np.ndarray) -> None:
    # small_cnn has five BatchNorms and four convolutions, the head one layer: ten with weights.
    found = weight_randomization(edges, small_network(1), small_network(2), images=images, label=LABEL, stages=5)
    assert [stage.layers for stage in found] == [2, 4, 6, 8, 10]
    assert [stage.share for stage in found] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_ranks_are_compared_where_there_is_an_image(images: np.ndarray) -> None:
    trained, untrained = small_network(1), small_network(2)
    for network, sign in ((trained, 1), (untrained, -1)):
        kernel, bias = network.head.get_weights()
        network.head.set_weights([sign * np.abs(kernel), bias])
    found = weight_randomization(brightest_filter, trained, untrained, images=images, label=LABEL, stages=2)
    # The padding, of one value in both, would pull -1 towards 0.
    assert [stage.similarity for stage in found] == pytest.approx([-1.0, -1.0])


def test_a_constant_map_is_like_none(images: np.ndarray) -> None:
    found = weight_randomization(blank, small_network(1), small_network(2), images=images, label=LABEL, stages=1)
    assert found[0].similarity == 0


def test_both_networks_have_their_weights_in_the_end(images: np.ndarray) -> None:
    networks = small_network(1), small_network(2)
    before = [network.model.get_weights() for network in networks]
    weight_randomization(edges, *networks, images=images, label=LABEL, stages=3)
    for network, weights in zip(networks, before, strict=True):
        for now, then in zip(network.model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(now, then)


def test_the_check_of_a_run_compares_with_other_random_weights_than_its_own_first_ones() -> None:
    task = demo_task(image={"size": (SIZE, SIZE)})
    found = check_explanations(build_network(task, weights=None), quarter_split(1), task)
    assert set(found) == {"layer-cam", "integrated-gradients"}
    for stages in found.values():
        assert [stage["share"] for stage in stages] == [0.5, 1.0]
        assert all(abs(stage["similarity"]) < 0.95 for stage in stages)
