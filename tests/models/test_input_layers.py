"""From a task's channels and 0..1 to what pretrained weights know: against keras.applications and by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from models.input_layers import color_mix, match_channels, scale


@pytest.mark.parametrize(("mode", "application"), [("tf", "mobilenet"), ("torch", "densenet"), ("caffe", "resnet")])
def test_scaling_equals_keras_applications(mode: str, application: str) -> None:
    image = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
    inputs = keras.Input((4, 4, 3))
    ours = keras.Model(inputs, scale(inputs, mode))(image)
    theirs = getattr(keras.applications, application).preprocess_input(image * 255.0)
    np.testing.assert_allclose(ours, theirs, atol=2e-5 if mode != "caffe" else 1e-3)


def test_an_image_that_the_network_scales_goes_up_to_255() -> None:
    inputs = keras.Input((1, 2, 3))
    image = np.array([[[[0.0] * 3, [1.0] * 3]]], np.float32)
    np.testing.assert_array_equal(keras.Model(inputs, scale(inputs, "byte"))(image), image * 255)
    assert scale(inputs, "unit") is inputs


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        (2, [[1, 1 / 2, 0], [0, 1 / 2, 1]]),
        (4, [[3 / 4, 0, 0], [1 / 4, 1 / 2, 0], [0, 1 / 2, 1 / 4], [0, 0, 3 / 4]]),
        (6, [[1 / 2, 0, 0], [1 / 2, 0, 0], [0, 1 / 2, 0], [0, 1 / 2, 0], [0, 0, 1 / 2], [0, 0, 1 / 2]]),
    ],
)
def test_windows_are_shared_out_over_the_colors(windows: int, expected: list[list[float]]) -> None:
    np.testing.assert_allclose(color_mix(windows, 3), expected, atol=1e-7)


@pytest.mark.parametrize("windows", range(1, 9))
def test_colors_are_convex_mixes_in_which_all_windows_weigh_alike(windows: int) -> None:
    mix = color_mix(windows, 3)
    assert mix.min() >= 0
    np.testing.assert_allclose(mix.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(mix.sum(axis=1), 3 / windows, atol=1e-6)


def test_gray_is_repeated() -> None:
    inputs = keras.Input((2, 2, 1))
    image = np.random.default_rng(1).random((1, 2, 2, 1), np.float32)
    np.testing.assert_array_equal(keras.Model(inputs, match_channels(inputs, 3))(image), np.repeat(image, 3, axis=-1))


@pytest.mark.parametrize(("given", "wanted"), [(3, 3), (2, 0)])
def test_channels_that_fit_are_left(given: int, wanted: int) -> None:
    inputs = keras.Input((2, 2, given))
    assert match_channels(inputs, wanted) is inputs


def test_windows_start_as_a_mix_that_is_trained() -> None:
    inputs = keras.Input((1, 1, 2))
    model = keras.Model(inputs, match_channels(inputs, 3))
    np.testing.assert_allclose(model(np.array([[[[0.2, 0.8]]]], np.float32)), [[[[0.2, 0.5, 0.8]]]], rtol=1e-6)
    assert [variable.shape for variable in model.trainable_variables] == [(1, 1, 2, 3)]
