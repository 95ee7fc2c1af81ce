from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from data_schemas.errors import Unsupported
from imaging.pixel_format import PixelFormat
from imaging.stored_bits import check_high_bit, stored_values

NATIVE, RLE, JPEG, LOSSLESS = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.80",
)


def stored(pixels: NDArray[Any], *, bits: int, syntax: str = NATIVE) -> list[float]:
    layout = PixelFormat(1, len(pixels), 1, 1, 8 * pixels.dtype.itemsize, bits, pixels.dtype.kind == "i", "MONOCHROME2")
    found = stored_values(pixels[np.newaxis], layout, syntax=syntax)
    assert found.dtype == pixels.dtype
    return [value.item() for value in found[0]]


@pytest.mark.parametrize("syntax", [NATIVE, RLE, LOSSLESS])
def test_an_overlay_in_the_high_bits_is_dropped(syntax: str) -> None:
    # Bit 12 is the overlay, bits 13 to 15 are dirt: PS3.5, 8.1.2.
    assert stored(np.array([0x1ABC, 0xFABC, 0x0ABC], np.uint16), bits=12, syntax=syntax) == [0xABC] * 3


def test_the_sign_fills_the_high_bits() -> None:
    # In 12 bits, 0xFFF is -1 and 0x800 is -2048.
    dirty = np.array([0x0FFF, 0x7800, 0x07FF], np.int16)
    assert stored(dirty, bits=12) == [-1, -2048, 2047]


def test_a_lossy_codec_may_overshoot() -> None:
    assert stored(np.array([1024, 1023, 5], np.uint16), bits=10, syntax=JPEG) == [1023, 1023, 5]
    assert stored(np.array([-600, 600], np.int16), bits=10, syntax=JPEG) == [-512, 511]


@pytest.mark.parametrize(
    ("high_bit", "read"), [(None, True), (11, True), (3, True), (99, True), (15, False), (12, False)]
)
def test_values_in_the_high_bits_are_refused_rather_than_cut(high_bit: int | None, read: bool) -> None:
    layout = PixelFormat(1, 1, 1, 1, 16, 12, False, "MONOCHROME2")
    with nullcontext() if read else pytest.raises(Unsupported, match="High Bit"):
        check_high_bit(layout, high_bit)


def test_float_pixels_and_full_words_stay() -> None:
    assert stored(np.array([-7.5], np.float32), bits=32) == [-7.5]
    assert stored(np.array([65_535], np.uint16), bits=16) == [65_535]
