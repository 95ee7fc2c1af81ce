"""Explanations of a network that has learnt something: sanity checks on the sample's lesions. `make test-seeds`.

On one small sample, and on three of 600 studies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from evaluation.pointing_game import PointingGame, pointing_game
from models.explanation_checks import Explain, weight_randomization
from models.explanations import attributions, grad_cam, integrated_gradients, layer_cam
from models.network import build_network
from tests.models.tasks import demo_task
from tests.models.test_explanation_checks import edges
from tests.models.trained_demo import TrainedDemo, train_demo

pytestmark = pytest.mark.seeds  # it trains the demo; `test_explanations.py` has what a small network shows

SERVED = [layer_cam, integrated_gradients]
CHANGED = 0.3
"""A map that is alike to this rank correlation at most, with random weights, has changed."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> TrainedDemo:
    """Three fifths of the demo's sample. Of two fifths, it depends on rounding whether the network learns anything."""
    return train_demo(tmp_path_factory.mktemp("sample"), studies=360, seed=1, epochs=20)


def play(demo: TrainedDemo, explain: Explain) -> PointingGame:
    return pointing_game(demo.heatmaps_in_source(explain), [film.lesions for film in demo.held_out])


@pytest.mark.parametrize("explain", SERVED)
def test_maps_point_at_lesions_of_unseen_patients(small: TrainedDemo, explain: Explain) -> None:
    found = play(small, explain)
    assert found.images >= 20
    assert found.hit_rate >= found.constant_rate + 0.4


@pytest.mark.parametrize("explain", SERVED)
def test_random_weights_change_the_map(small: TrainedDemo, explain: Explain) -> None:
    assert last_similarity(small, explain) <= CHANGED


def test_random_weights_do_not_change_an_edge_detector_so_it_fails(small: TrainedDemo) -> None:
    assert last_similarity(small, edges) > CHANGED


def last_similarity(demo: TrainedDemo, explain: Explain) -> float:
    """Returns how alike the maps are once all weights are random."""
    untrained = build_network(demo_task(training={"seed": 7}), weights=None)
    images, label = demo.images[:8], demo.label[:8]
    stages = weight_randomization(explain, demo.network, untrained, images=images, label=label, stages=2)
    return stages[-1].similarity


def test_attributions_add_up_to_what_the_image_adds_to_the_logit(small: TrainedDemo) -> None:
    """Completeness, of 16 steps; on the demo they come within 1 %."""
    images, label = tf.constant(small.images), tf.constant(small.label)
    added = np.asarray(tf.reduce_sum(attributions(small.network, images, label), axis=(1, 2, 3)))
    logits, black = (small.network.model(batch, training=False) for batch in (images, tf.zeros_like(images)))
    expected = np.take_along_axis(np.asarray(logits) - np.asarray(black), small.label[:, None], axis=1)[:, 0]
    assert np.abs(added - expected).sum() <= 0.03 * np.abs(expected).sum()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_maps_of_the_demo_point_at_lesions_of_unseen_patients(tmp_path: Path, seed: int) -> None:
    demo = train_demo(tmp_path, studies=600, seed=seed)
    coarse = play(demo, grad_cam)
    for explain in SERVED:
        found = play(demo, explain)
        print(explain.__name__, found)
        assert found.hit_rate >= found.constant_rate + 0.4
        assert found.hit_rate > coarse.hit_rate
