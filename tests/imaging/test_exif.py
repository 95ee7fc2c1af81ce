from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from imaging.exif import orientation_of, upright
from imaging.raster import read_raster

PIXELS = (np.arange(16 * 24, dtype=np.uint16).reshape(16, 24) * 0.6).astype(np.uint8)


def written(orientation: Any, kind: str) -> bytes:
    image, target = Image.fromarray(PIXELS), io.BytesIO()
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(target, kind, exif=exif)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_pillow_turns_it(kind: str, orientation: int) -> None:
    data = written(orientation, kind)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_allclose(read_raster(data).pixels.astype(int), expected, atol=2)
    assert orientation_of(data) == orientation


def test_a_scene_turned_right() -> None:
    # 6: the first row is the scene's right edge, the first column its top.
    assert upright(np.array([[1, 2, 3], [4, 5, 6]]), 6).tolist() == [[4, 1], [5, 2], [6, 3]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_an_orientation_that_there_is_not_is_upright(kind: str) -> None:
    assert orientation_of(written(9, kind)) == 1


def test_without_exif_an_image_is_upright() -> None:
    target = io.BytesIO()
    Image.fromarray(PIXELS).save(target, "PNG")
    assert orientation_of(target.getvalue()) == 1


@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from(["JPEG", "PNG"]))
def test_damage_gives_some_orientation(place: int, byte: int, kind: str) -> None:
    data = bytearray(written(6, kind))
    data[place % len(data)] = byte
    assert orientation_of(bytes(data)) in range(1, 9)
    assert orientation_of(bytes(data[: place % len(data)])) in range(1, 9)
