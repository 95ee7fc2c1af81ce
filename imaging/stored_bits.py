"""The stored values within allocated bits: what lies above them is no part of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.errors import Unsupported
from imaging.pixel_format import PixelFormat

_LOSSY = tuple(f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "53", "55", "81", "91", "93", "111", "112", "203"))
"""Transfer syntaxes whose decoders may overshoot the stored range by a little."""


def check_high_bit(layout: PixelFormat, high_bit: int | None) -> None:
    """Raises unless values stand in the low bits, as they must since 2014 (PS3.5, 8.1.1).

    Raises:
        Unsupported: High Bit (0028,0102) says that they stand higher: either they do, or the header is wrong.
    """
    if high_bit is not None and layout.bits_stored <= high_bit < layout.bits_allocated:
        raise Unsupported(
            f"High Bit is {high_bit} with {layout.bits_stored} Bits Stored; values are read from the low bits alone, "
            f"whose High Bit is {layout.bits_stored - 1}"
        )


def stored_values(pixels: NDArray[Any], layout: PixelFormat, *, syntax: str) -> NDArray[Any]:
    """Returns pixels whose every value is one that Bits Stored allows.

    Bits above may hold overlays (retired) or anything (PS3.5, 8.1.1 and 8.1.2): they are dropped, and filled with the
    sign where values have one. What a lossy codec returned beyond the range is clipped instead, since there the bits
    above are part of the number.

    Args:
        pixels: decoded, (rows, columns), of any type; float pixels have no stored bits and stay.
        layout: of the same image.
        syntax: Transfer Syntax UID.
    """
    spare = 8 * pixels.dtype.itemsize - layout.bits_stored
    if pixels.dtype.kind not in "iu" or layout.bits_allocated < 8 or spare <= 0:
        return pixels
    low = -(2 ** (layout.bits_stored - 1)) if layout.signed else 0
    high = low + 2**layout.bits_stored - 1
    if pixels.min() >= low and pixels.max() <= high:
        return pixels
    return pixels.clip(low, high) if syntax in _LOSSY else np.asarray((pixels << spare) >> spare)
