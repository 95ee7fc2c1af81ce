from __future__ import annotations

import cv2
import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_schemas.errors import Corrupt
from imaging.canonical import decode_png, encode_passing_png, encode_png, fitted


def test_each_pixel_becomes_the_mean_of_its_area() -> None:
    image = np.array([[0, 100, 7, 7], [200, 300, 7, 7]], np.uint16)
    assert fitted(image, 2).tolist() == [[150, 7]]


def test_an_image_that_fits_is_left_alone() -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert fitted(image, 4) is image


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1000, 500), (256, 128)), ((500, 1000), (128, 256)), ((1, 1000), (1, 256)), ((300, 299), (256, 255))],
)
def test_the_aspect_is_kept(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted(np.zeros(shape, np.uint16), 256).shape == expected


@pytest.mark.parametrize(
    ("shape", "aspect", "expected"),
    [
        ((100, 100), 2.0, (200, 100)),  # tall pixels: the rows are drawn out
        ((100, 100), 0.5, (100, 200)),
        ((200, 100), 2.0, (256, 64)),  # 400 x 100, shrunk to 256
        ((100, 400), 2.0, (128, 256)),  # 200 x 400, shrunk to 256: fewer columns, more rows
    ],
)
def test_pixels_become_square(shape: tuple[int, int], aspect: float, expected: tuple[int, int]) -> None:
    assert fitted(np.zeros(shape, np.uint16), 256, aspect=aspect).shape == expected


def test_what_is_drawn_out_is_interpolated() -> None:
    # Centers of the new rows lie at -.25, .25, .75, 1.25 of the old ones.
    assert fitted(np.array([[0], [1000]], np.uint16), 16, aspect=2.0).tolist() == [[0], [250], [750], [1000]]


@given(st.integers(1, 65_535), st.integers(1, 90), st.integers(1, 90))
def test_a_constant_image_stays_constant(value: int, rows: int, columns: int) -> None:
    found = fitted(np.full((rows, columns), value, np.uint16), 16)
    assert max(found.shape) <= 16
    assert set(found.ravel().tolist()) == {value}


@given(st.integers(0, 2**32 - 1))
def test_png_gives_back_the_image_and_the_same_bytes(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 65_536, (5, 7), dtype=np.uint16)
    encoded = encode_png(image)
    assert encode_png(image) == encoded
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED), image)
    np.testing.assert_array_equal(imagecodecs.png_decode(encoded), image)


@pytest.mark.parametrize("encode", [encode_png, encode_passing_png])
@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (64, 65)])
def test_what_is_decoded_is_what_was_encoded_and_other_decoders_agree(encode, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 2**16, shape).astype(np.uint16)
    encoded = encode(image)
    np.testing.assert_array_equal(decode_png(encoded), image)
    np.testing.assert_array_equal(imagecodecs.png_decode(encoded), image)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG no more",
        imagecodecs.png_encode(np.zeros((4, 4), np.uint8)),
        imagecodecs.png_encode(np.zeros((4, 4, 3), np.uint16)),
    ],
    ids=["nothing", "broken", "8 bits", "colours"],
)
def test_a_png_that_is_no_canonical_image_is_refused(data: bytes) -> None:
    with pytest.raises(Corrupt, match="no 16-bit grayscale PNG"):
        decode_png(data)
