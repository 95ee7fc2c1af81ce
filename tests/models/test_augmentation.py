"""Augmentation: each change alone does what it says, eagerly and inside tf.data."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data_schemas.training_settings import Augmentation
from models.augmentation import make_augment, make_mixup

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


def test_a_vertical_flip_turns_some_images_upside_down(images: np.ndarray) -> None:
    flipped = make_augment(Augmentation(vertical_flip=True))(images, SEED).numpy()
    upended = [np.allclose(after, before[::-1], atol=1e-5) for before, after in zip(images, flipped, strict=True)]
    same = [np.allclose(after, before, atol=1e-5) for before, after in zip(images, flipped, strict=True)]
    assert all(a != b for a, b in zip(upended, same, strict=True))
    assert 0 < sum(upended) < len(images)


def test_gamma_keeps_black_and_white_and_stays_within_its_bounds(images: np.ndarray) -> None:
    images[:, 0, 0], images[:, 0, 1] = 0, 1
    changed = make_augment(Augmentation(gamma=2.0))(images, SEED).numpy()
    assert np.all(changed[:, 0, 0] == 0) and np.all(changed[:, 0, 1] == 1)
    assert np.all(changed >= images**2 - 1e-5) and np.all(changed <= images**0.5 + 1e-5)
    assert np.abs(changed - images).mean() > 0.01


def test_cutout_blacks_out_one_square_of_the_declared_side() -> None:
    cut = make_augment(Augmentation(cutout=0.5))(np.ones((64, 20, 30, 1), np.float32), SEED).numpy()[..., 0] == 0
    for one in cut:
        rows, columns = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
        assert one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert len(rows) <= 10 and len(columns) <= 10
    assert max(int(one.sum()) for one in cut) == 100  # half of the shorter side
    assert len({one.tobytes() for one in cut}) > 30


def test_mixup_mixes_images_and_targets_in_the_same_proportion() -> None:
    values = np.arange(1, 9, dtype=np.float32)
    images = np.tile(values[:, None, None, None], (1, 4, 4, 1))
    targets = np.stack([values, -1 * (values - 100)], axis=1)  # linear in the image, so the mixture must be too
    mixed, labels = make_mixup(Augmentation(mixup=0.4))(images, targets, SEED)
    np.testing.assert_allclose(labels[:, 0], mixed[:, 0, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(labels[:, 1], 100 - mixed[:, 0, 0, 0], rtol=1e-5)
    assert np.abs(mixed[:, 0, 0, 0] - values).max() > 0.1
    # At least half of each stays its own.
    assert np.all(np.abs(mixed[:, 0, 0, 0] - values) <= 0.5 * 7 + 1e-5)


def test_mixup_of_an_unknown_finding_is_unknown() -> None:
    images = np.zeros((6, 2, 2, 1), np.float32)
    targets = np.array([[1.0], [-1], [0], [1], [0], [1]], np.float32)
    _, labels = make_mixup(Augmentation(mixup=1.0))(images, targets, SEED)
    assert 1 <= np.sum(labels.numpy() == -1) <= 2
    assert np.all((labels.numpy() == -1) | (labels.numpy() >= 0))


def test_without_mixup_a_batch_stays_as_it_is(images: np.ndarray) -> None:
    targets = np.ones((16, 2), np.float32)
    mixed, labels = make_mixup(Augmentation())(images, targets, SEED)
    assert mixed is images and labels is targets
