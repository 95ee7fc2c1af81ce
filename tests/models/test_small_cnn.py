"""The small network: its shape, and that its pieces do what they say."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from models.small_cnn import build


@pytest.mark.parametrize(
    ("image", "features"), [((128, 128, 1), (8, 8)), ((64, 96, 3), (4, 6)), ((100, 100, 1), (6, 6))]
)
def test_features_are_a_sixteenth_of_the_image(image: tuple[int, int, int], features: tuple[int, int]) -> None:
    assert build(image).output_shape == (None, *features, 64)


def test_local_contrast_of_an_even_image_is_zero_up_to_its_edges() -> None:
    network = build((32, 32, 1))
    contrast = next(layer for layer in network.layers if isinstance(layer, keras.layers.Subtract))
    even = np.full((1, 32, 32, 1), 0.7, np.float32)
    output = keras.Model(network.input, contrast.output).predict(even, verbose=0)
    np.testing.assert_allclose(output, 0, atol=1e-6)


def test_local_contrast_is_the_pixel_less_the_mean_of_fifteen_by_fifteen() -> None:
    network = build((32, 32, 1))
    contrast = next(layer for layer in network.layers if isinstance(layer, keras.layers.Subtract))
    image = np.random.default_rng(1).random((1, 32, 32, 1)).astype(np.float32)
    output = keras.Model(network.input, contrast.output).predict(image, verbose=0)
    assert output[0, 16, 16, 0] == pytest.approx(image[0, 16, 16, 0] - image[0, 9:24, 9:24, 0].mean(), abs=1e-5)
    assert output[0, 0, 0, 0] == pytest.approx(image[0, 0, 0, 0] - image[0, :8, :8, 0].mean(), abs=1e-5)


def test_the_same_seed_builds_the_same_network() -> None:
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        weights.append(build((32, 32, 1)).get_weights())
    assert all(np.array_equal(one, other) for one, other in zip(*weights, strict=True))


def test_every_batch_norm_settles_within_a_small_run() -> None:
    layers = [layer for layer in build((32, 32, 1)).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in layers} == {0.9}
