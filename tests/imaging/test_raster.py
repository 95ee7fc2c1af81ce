from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from data_schemas.errors import Corrupt, Unsupported
from imaging import limits
from imaging.raster import is_raster, read_raster

GRAY8 = np.arange(35, dtype=np.uint8).reshape(5, 7)
GRAY16 = (GRAY8 * 1000.0).astype(np.uint16)
COLOUR = np.stack([GRAY8, GRAY8 + 1, GRAY8 + 2], axis=-1)


@pytest.mark.parametrize("image", [GRAY8, GRAY16, COLOUR], ids=["8", "16", "rgb"])
def test_png_gives_its_pixels(image: np.ndarray) -> None:  # type: ignore[type-arg]
    np.testing.assert_array_equal(read_raster(imagecodecs.png_encode(image)), image)


def test_transparency_is_dropped() -> None:
    with_alpha = np.dstack([COLOUR, np.full_like(GRAY8, 9)])
    np.testing.assert_array_equal(read_raster(imagecodecs.png_encode(with_alpha)), COLOUR)


def test_jpeg_gives_its_pixels_within_its_loss() -> None:
    found = read_raster(imagecodecs.jpeg8_encode(GRAY8, level=100))
    np.testing.assert_allclose(found.astype(int), GRAY8, atol=2)


def test_only_png_and_jpeg_are_rasters() -> None:
    assert is_raster(imagecodecs.png_encode(GRAY8))
    assert is_raster(imagecodecs.jpeg8_encode(GRAY8))
    assert not is_raster(bytes(128) + b"DICM")


@pytest.mark.parametrize("encode", [imagecodecs.png_encode, imagecodecs.jpeg8_encode], ids=["png", "jpeg"])
def test_a_file_cut_in_its_header_is_corrupt(encode: object) -> None:
    with pytest.raises(Corrupt):
        read_raster(encode(GRAY8)[:16])  # type: ignore[operator]


def test_a_png_cut_in_its_pixels_is_corrupt() -> None:
    data = imagecodecs.png_encode(GRAY16)
    with pytest.raises(Corrupt):
        read_raster(data[: len(data) // 2])


def test_a_png_that_claims_a_huge_image_is_refused_before_it_is_decoded() -> None:
    data = bytearray(imagecodecs.png_encode(GRAY8))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    assert limits.MAX_FRAME_SAMPLES < 60_000**2
    with pytest.raises(Unsupported):
        read_raster(bytes(data))
