"""The stored values within allocated bits: what lies above them is no part of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.pixel_format import PixelFormat

_LOSSY = tuple(f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "53", "55", "81", "91", "93", "111", "112", "203"))
"""Transfer syntaxes whose decoders may overshoot the stored range by a little."""


def stored_values(pixels: NDArray[Any], layout: PixelFormat, *, high_bit: int | None, syntax: str) -> NDArray[Any]:
    """Returns pixels whose every value is one that Bits Stored allows.

    Bits above High Bit (0028,0102) may hold overlays (retired) or anything (PS3.5, 8.1.1 and 8.1.2): they are dropped,
    and filled with the sign where values have one. A High Bit above Bits Stored - 1, also retired, shifts values down.
    What a lossy codec returned beyond the range is clipped instead, since there the bits above are part of the number.

    Args:
        pixels: decoded, (rows, columns), of any type; float pixels have no stored bits and stay.
        layout: of the same image.
        high_bit: High Bit, or None.
        syntax: Transfer Syntax UID; a compressed image has its values in the low bits.
    """
    spare = 8 * pixels.dtype.itemsize - layout.bits_stored
    if pixels.dtype.kind not in "iu" or layout.bits_allocated < 8 or spare <= 0:
        return pixels
    shift = 0 if high_bit is None or syntax.startswith("1.2.840.10008.1.2.4.") else high_bit + 1 - layout.bits_stored
    shift = shift if 0 <= shift <= spare else 0
    low = -(2 ** (layout.bits_stored - 1)) if layout.signed else 0
    high = low + 2**layout.bits_stored - 1
    if not shift and pixels.min() >= low and pixels.max() <= high:
        return pixels
    if syntax in _LOSSY:
        return pixels.clip(low, high)
    return np.asarray((pixels << (spare - shift)) >> spare)
