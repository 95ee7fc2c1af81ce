from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imaging.pixel_format import PixelFormat
from imaging.stored_bits import stored_values

NATIVE, RLE, JPEG, LOSSLESS = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.80",
)


def stored(pixels: NDArray[Any], *, bits: int, high_bit: int | None = None, syntax: str = NATIVE) -> list[float]:
    layout = PixelFormat(1, len(pixels), 1, 1, 8 * pixels.dtype.itemsize, bits, pixels.dtype.kind == "i", "MONOCHROME2")
    found = stored_values(pixels[np.newaxis], layout, high_bit=high_bit, syntax=syntax)
    assert found.dtype == pixels.dtype
    return [value.item() for value in found[0]]


@pytest.mark.parametrize("syntax", [NATIVE, RLE, LOSSLESS])
def test_an_overlay_in_the_high_bits_is_dropped(syntax: str) -> None:
    # Bit 12 is the overlay, bits 13 to 15 are dirt: PS3.5, 8.1.2.
    assert stored(np.array([0x1ABC, 0xFABC, 0x0ABC], np.uint16), bits=12, high_bit=11, syntax=syntax) == [0xABC] * 3


def test_the_sign_fills_the_high_bits() -> None:
    # In 12 bits, 0xFFF is -1 and 0x800 is -2048.
    dirty = np.array([0x0FFF, 0x7800, 0x07FF], np.int16)
    assert stored(dirty, bits=12, high_bit=11) == [-1, -2048, 2047]


def test_a_high_bit_above_shifts_down() -> None:
    assert stored(np.array([0xABC5, 0x001F], np.uint16), bits=12, high_bit=15) == [0xABC, 1]
    assert stored(np.array([-16, 0x7FF5], np.int16), bits=12, high_bit=15) == [-1, 2047]


def test_a_codec_has_its_values_in_the_low_bits() -> None:
    assert stored(np.array([5], np.uint16), bits=12, high_bit=15, syntax=LOSSLESS) == [5]


def test_a_lossy_codec_may_overshoot() -> None:
    assert stored(np.array([1024, 1023, 5], np.uint16), bits=10, high_bit=9, syntax=JPEG) == [1023, 1023, 5]
    assert stored(np.array([-600, 600], np.int16), bits=10, high_bit=9, syntax=JPEG) == [-512, 511]


@pytest.mark.parametrize("high_bit", [None, 3, 99])
def test_an_impossible_high_bit_counts_as_missing(high_bit: int | None) -> None:
    assert stored(np.array([0x1ABC], np.uint16), bits=12, high_bit=high_bit) == [0xABC]


def test_float_pixels_and_full_words_stay() -> None:
    assert stored(np.array([-7.5], np.float32), bits=32) == [-7.5]
    assert stored(np.array([65_535], np.uint16), bits=16, high_bit=15) == [65_535]
