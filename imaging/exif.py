"""How a PNG or JPEG file wants to be turned before it is shown (Exif 2.32, 4.6.4; CIPA DC-008)."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ORIENTATION = 0x0112
_SHORT = 3
_LEGAL = range(1, 9)
_MOST_ENTRIES = 512
"""Entries of the directory that are looked at: cameras write a few dozen."""


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Returns an image as it is to be shown.

    Args:
        pixels: (rows, columns, ...) as stored.
        orientation: 1 to 8, which edges of the scene the stored first row and first column are.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def orientation_of(data: bytes) -> int:
    """Returns the Exif orientation of a PNG or JPEG file, 1 to 8; 1, upright, where it says nothing legible."""
    try:
        block = _png_block(data) if data.startswith(b"\x89PNG") else _jpeg_block(data)
        return _orientation(block) if block else 1
    except (struct.error, IndexError):
        return 1


def _jpeg_block(data: bytes) -> bytes:
    """Returns the TIFF block in APP1, which stands before the first scan."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA:
            return b""
        (length,) = struct.unpack_from(">H", data, at + 2)
        payload = data[at + 4 : at + 2 + length]
        if marker == 0xE1 and payload.startswith(b"Exif\0\0"):
            return payload[6:]
        at += 2 + length
    return b""


def _png_block(data: bytes) -> bytes:
    """Returns the TIFF block in the chunk eXIf (PNG, third edition, 11.3.4.5)."""
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"eXIf":
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


def _orientation(block: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(min(count, _MOST_ENTRIES)):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", block, start + 2 + 12 * entry)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and value in _LEGAL else 1
    return 1
