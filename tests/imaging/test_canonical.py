from __future__ import annotations

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.canonical import encode_png, shrunk


def test_each_pixel_becomes_the_mean_of_its_area() -> None:
    image = np.array([[0, 100, 7, 7], [200, 300, 7, 7]], np.uint16)
    assert shrunk(image, 2).tolist() == [[150, 7]]


def test_an_image_that_fits_is_left_alone() -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert shrunk(image, 4) is image


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1000, 500), (256, 128)), ((500, 1000), (128, 256)), ((1, 1000), (1, 256)), ((300, 299), (256, 255))],
)
def test_the_aspect_is_kept(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert shrunk(np.zeros(shape, np.uint16), 256).shape == expected


@given(st.integers(1, 65_535), st.integers(1, 90), st.integers(1, 90))
def test_a_constant_image_stays_constant(value: int, rows: int, columns: int) -> None:
    found = shrunk(np.full((rows, columns), value, np.uint16), 16)
    assert max(found.shape) <= 16
    assert set(found.ravel().tolist()) == {value}


@given(st.integers(0, 2**32 - 1))
def test_png_gives_back_the_image_and_the_same_bytes(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 65_536, (5, 7), dtype=np.uint16)
    encoded = encode_png(image)
    assert encode_png(image) == encoded
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED), image)
    np.testing.assert_array_equal(imagecodecs.png_decode(encoded), image)
