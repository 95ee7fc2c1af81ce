"""Augmentation: each change alone does what it says, eagerly and inside tf.data."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data_schemas.training_settings import Augmentation
from models.augmentation import make_augment

SEED = tf.constant([1, 2], tf.int64)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((16, 12, 10, 1), np.float32)


def test_nothing_asked_changes_nothing(images: np.ndarray) -> None:
    np.testing.assert_array_equal(make_augment(Augmentation())(images, SEED), images)


def test_flip_mirrors_some_images_and_leaves_the_others(images: np.ndarray) -> None:
    flipped = make_augment(Augmentation(horizontal_flip=True))(images, SEED).numpy()
    mirrored = [np.allclose(after, before[:, ::-1], atol=1e-5) for before, after in zip(images, flipped, strict=True)]
    same = [np.allclose(after, before, atol=1e-5) for before, after in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 0 < sum(mirrored) < len(images)


def test_translation_moves_a_point_by_at_most_the_share() -> None:
    images = np.zeros((64, 21, 21, 1), np.float32)
    images[:, 10, 10] = 1
    moved = make_augment(Augmentation(translation=0.2))(images, SEED).numpy()[..., 0]
    rows, columns = np.indices((21, 21))
    centers = [(np.sum(one * rows) / one.sum(), np.sum(one * columns) / one.sum()) for one in moved]
    distances = np.abs(np.array(centers) - 10)
    assert distances.max() <= 0.2 * 21 + 1e-3
    assert distances.max() > 0.1 * 21


def test_rotation_by_up_to_180_degrees_keeps_the_middle() -> None:
    images = np.zeros((8, 21, 21, 1), np.float32)
    images[:, 10, 10] = 1
    turned = make_augment(Augmentation(rotation=180))(images, SEED).numpy()
    np.testing.assert_allclose(turned[:, 10, 10, 0], 1, atol=1e-4)


def test_intensity_stays_in_range_and_changes(images: np.ndarray) -> None:
    changed = make_augment(Augmentation(brightness=0.3, contrast=0.3, noise=0.1))(images, SEED).numpy()
    assert changed.min() >= 0 and changed.max() <= 1
    assert np.abs(changed - images).mean() > 0.01


def test_the_same_seed_gives_the_same_change_inside_tf_data(images: np.ndarray) -> None:
    augment = make_augment(Augmentation(horizontal_flip=True, rotation=10, zoom=0.1, noise=0.05))
    dataset = tf.data.Dataset.from_tensors(images).map(lambda batch: augment(batch, SEED))
    np.testing.assert_allclose(next(iter(dataset)), augment(images, SEED), atol=1e-5)
