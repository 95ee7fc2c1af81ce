"""Losses: expected numbers worked by hand."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from models.losses import class_weights, make_loss, to_targets
from tests.models.tasks import demo_task, multi_label_task


def test_class_weights_are_inverse_to_frequency() -> None:
    weights = class_weights(np.array([0, 0, 1, 2]), task=demo_task())
    np.testing.assert_allclose(weights, [4 / (3 * 2), 4 / 3, 4 / 3], rtol=1e-6)


def test_a_class_without_an_example_weighs_nothing() -> None:
    np.testing.assert_allclose(class_weights(np.array([0, 1]), task=demo_task()), [1, 1, 0])


def test_class_weights_are_one_where_the_task_does_not_ask() -> None:
    task = demo_task(training={"class_weights": "none"})
    np.testing.assert_allclose(class_weights(np.array([0, 0, 1, 2]), task=task), [1, 1, 1])


def test_multi_label_weights_ignore_unknown_labels() -> None:
    labels = np.array([[1, -1], [0, 1], [0, 0], [0, 0]], np.float32)
    # a: three absent, one present of four; b: two absent, one present of three.
    np.testing.assert_allclose(
        class_weights(labels, task=multi_label_task()), [[4 / 6, 3 / 4], [4 / 2, 3 / 2]], rtol=1e-6
    )


def test_multi_class_loss_of_even_logits_is_the_log_of_the_classes() -> None:
    loss = make_loss(np.array([1, 2, 1], np.float32), task=demo_task())
    value = keras.ops.convert_to_numpy(loss(np.eye(3, dtype=np.float32)[:2], np.zeros((2, 3), np.float32)))
    np.testing.assert_allclose(value, [math.log(3), 2 * math.log(3)], rtol=1e-6)


def test_label_smoothing_spreads_the_target() -> None:
    task = demo_task(training={"label_smoothing": 0.3})
    logits = np.log(np.array([[0.5, 0.25, 0.25]], np.float32))
    value = keras.ops.convert_to_numpy(
        make_loss(np.ones(3, np.float32), task=task)(np.eye(3, dtype=np.float32)[:1], logits)
    )
    expected = -(0.8 * math.log(0.5) + 0.1 * math.log(0.25) + 0.1 * math.log(0.25))
    np.testing.assert_allclose(value, [expected], rtol=1e-5)


def test_unknown_labels_do_not_move_the_multi_label_loss() -> None:
    loss = make_loss(np.ones((2, 2), np.float32), task=multi_label_task())
    labels = np.array([[1, -1]], np.float32)
    values = [
        float(keras.ops.convert_to_numpy(loss(labels, np.array([[0.0, logit]], np.float32)))[0]) for logit in (-5, 5)
    ]
    assert values == pytest.approx([math.log(2), math.log(2)], rel=1e-6)


def _loss(weights: np.ndarray, targets: np.ndarray, logits: np.ndarray, **training: object) -> np.ndarray:
    task = (demo_task if targets.shape[1] == 3 else multi_label_task)(training=training)
    return keras.ops.convert_to_numpy(make_loss(weights, task=task)(targets, logits))


def test_focal_loss_of_classes_is_that_of_keras() -> None:
    rng = np.random.default_rng(0)
    targets, logits = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 20)], rng.normal(0, 2, (20, 3)).astype(np.float32)
    ours = _loss(np.ones(3, np.float32), targets, logits, loss="focal", focal_gamma=1.5)
    theirs = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=1.5, from_logits=True, reduction=None)
    np.testing.assert_allclose(ours, theirs(targets, logits), rtol=1e-4, atol=1e-6)


def test_focal_loss_of_findings_is_that_of_keras() -> None:
    rng = np.random.default_rng(1)
    targets, logits = rng.integers(0, 2, (20, 2)).astype(np.float32), rng.normal(0, 2, (20, 2)).astype(np.float32)
    ours = _loss(np.ones((2, 2), np.float32), targets, logits, loss="focal", focal_gamma=2.0)
    theirs = keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=True, reduction=None)(targets, logits)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_focal_loss_without_gamma_is_cross_entropy() -> None:
    logits, targets = np.array([[2.0, -1.0, 0.5]], np.float32), np.eye(3, dtype=np.float32)[:1]
    plain = _loss(np.ones(3, np.float32), targets, logits)
    np.testing.assert_allclose(_loss(np.ones(3, np.float32), targets, logits, loss="focal", focal_gamma=0.0), plain)


def test_effective_numbers_weigh_less_than_frequencies() -> None:
    labels = np.repeat([0, 1, 2], [1000, 100, 10])
    weights = class_weights(labels, task=demo_task(training={"class_weights": "effective_number"}))
    # (1 - 0.999) / (1 - 0.999 ** n), scaled so that the weights of all examples average 1.
    each = 0.001 / (1 - 0.999 ** np.array([1000, 100, 10]))
    np.testing.assert_allclose(weights, each * 1110 / np.sum(each * [1000, 100, 10]), rtol=1e-5)
    inverse = class_weights(labels, task=demo_task())
    assert 1 < weights[2] / weights[0] < inverse[2] / inverse[0]


def test_a_mixed_target_weighs_as_much_as_its_parts() -> None:
    weights = np.array([1, 3, 1], np.float32)
    found = _loss(weights, np.array([[0.5, 0.5, 0]], np.float32), np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(found, [2 * math.log(3)], rtol=1e-6)


def test_targets_are_one_hot_and_a_label_of_none_has_no_share() -> None:
    np.testing.assert_array_equal(to_targets(np.array([2, -1]), task=demo_task()), [[0, 0, 1], [0, 0, 0]])
    findings = np.array([[1, -1], [0, 1]], np.float32)
    np.testing.assert_array_equal(to_targets(findings, task=multi_label_task()), findings)
    assert _loss(np.ones(3, np.float32), np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)).tolist() == [0.0]
