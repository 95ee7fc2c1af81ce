from __future__ import annotations

import cv2
import numpy as np
import pytest

from imaging.fingerprints import border_features, perceptual_hash


def _picture(seed: int) -> np.ndarray:
    """A smooth picture, as films are."""
    coarse = np.random.default_rng(seed).uniform(5_000, 60_000, (8, 8))
    return cv2.resize(coarse, (300, 400), interpolation=cv2.INTER_CUBIC).clip(0, 65_535).astype(np.uint16)


def _distance(one: np.ndarray, other: np.ndarray) -> int:
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


@pytest.mark.parametrize("seed", range(5))
def test_an_image_looks_like_itself_made_smaller_brighter_or_noisier(seed: int) -> None:
    image = _picture(seed)
    noise = np.random.default_rng(seed).normal(0, 300, image.shape)
    assert _distance(image, cv2.resize(image, (150, 200), interpolation=cv2.INTER_AREA)) <= 2
    assert _distance(image, (image // 2 + 9_000).astype(np.uint16)) <= 2
    assert _distance(image, (image + noise).clip(0, 65_535).astype(np.uint16)) <= 4


def test_different_pictures_differ_in_about_half_of_the_bits() -> None:
    pictures = [_picture(seed) for seed in range(12)]
    distances = [_distance(one, other) for index, one in enumerate(pictures) for other in pictures[:index]]
    assert min(distances) >= 14 and 26 <= np.mean(distances) <= 38


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (31, 64), (64, 4096)])
def test_images_of_every_shape_have_a_hash(shape: tuple[int, int]) -> None:
    assert 0 <= perceptual_hash(np.full(shape, 7, np.uint16)) < 2**64


def test_border_features_of_a_frame_with_one_bright_edge() -> None:
    # 32 x 32: strips of two lines. The top is white, so a sixteenth of each side strip is.
    image = np.zeros((32, 32), np.uint16)
    image[:2] = 65_535
    side = [1 / 16, (1 / 16 * 15 / 16) ** 0.5]
    assert border_features(image) == pytest.approx([1, 0, 0, 0, *side, *side])
