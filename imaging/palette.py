"""PALETTE COLOR -> RGB (PS3.3, C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_schemas.errors import Corrupt
from imaging.dicom_file import value

_COLOURS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
"""Opcodes of a segment (PS3.3, C.7.9.2)."""


def coloured(pixels: NDArray[Any], dataset: Dataset) -> NDArray[Any]:
    """Returns what a palette shows of indices: (rows, columns, 3) RGB, uint8 or uint16 over its whole range.

    Indices beyond either end take the entry there. Segmented palettes are expanded, no further than their descriptor
    says: a few bytes can ask for any number of entries.

    Args:
        pixels: (rows, columns), indices of any integer type.
        dataset: with the three palettes.

    Raises:
        Corrupt: a palette is missing or malformed.
    """
    try:
        palettes = [_palette(dataset, colour) for colour in _COLOURS]
    except Exception as error:  # a malformed palette fails in many ways
        raise Corrupt(f"the palette cannot be applied ({type(error).__name__})") from error
    first = palettes[0][0]
    planes = [entries[np.clip(pixels.astype(np.int64) - first, 0, len(entries) - 1)] for _, entries in palettes]
    return np.stack(planes, axis=-1)


def _palette(dataset: Dataset, colour: str) -> tuple[int, NDArray[Any]]:
    """Returns the index of the first entry, and the entries, uint8 or uint16."""
    count, first, bits = (int(number) for number in dataset[f"{colour}PaletteColorLookupTableDescriptor"].value)
    count = count or 2**16
    word = np.dtype("<u2" if dataset.original_encoding[1] else ">u2")
    segments = value(dataset, f"Segmented{colour}PaletteColorLookupTableData")
    if segments is not None:
        wide = bits > 8
        entries = expanded(np.frombuffer(segments, word if wide else np.uint8).astype(np.int64), count, wide=wide)
    else:
        data = dataset[f"{colour}PaletteColorLookupTableData"].value
        wide = len(data) >= 2 * count
        entries = np.frombuffer(data[: (2 if wide else 1) * count], word if wide else np.uint8)
        # Entries of 8 bits are written as words by many (C.7.6.3.1.6).
        wide = wide and (bits > 8 or bool((entries > 255).any()))
    if not len(entries):
        raise ValueError("a palette without entries")
    if first >= 2**15 and value(dataset, "PixelRepresentation") == 1:
        first -= 2**16
    return first, entries.astype(np.uint16 if wide else np.uint8)


def expanded(words: NDArray[np.int64], count: int, *, wide: bool) -> NDArray[np.int64]:
    """Returns the `count` entries that a segmented palette describes (PS3.3, C.7.9.2).

    Args:
        words: opcode, length and values of each segment in turn.
        count: entries that the descriptor promises; what lies beyond is left out.
        wide: whether words are of 16 bits, else of 8.

    Raises:
        ValueError: a segment has an unknown opcode, reaches beyond the data, or there are fewer than `count` entries.
    """
    entries: list[int] = []
    start = 0
    while start + 2 < len(words) and len(entries) < count:
        if words[start] == _INDIRECT:
            place, length = _place(words, start, wide=wide), int(words[start + 1])
            for _ in range(length):
                if len(entries) < count:
                    place = _append(words, place, entries)
            start += 4 if wide else 6
        else:
            start = _append(words, start, entries)
    if len(entries) < count:
        raise ValueError("a segmented palette is too short")
    return np.asarray(entries[:count])


def _place(words: NDArray[np.int64], start: int, *, wide: bool) -> int:
    """Returns the word at which the segments start that an indirect one repeats: its values are an offset in bytes."""
    size, bits = (2, 16) if wide else (4, 8)
    parts = words[start + 2 : start + 2 + size].tolist()
    _require(len(parts) == size)
    offset = sum(int(part) << (bits * position) for position, part in enumerate(parts))
    return offset // 2 if wide else offset


def _append(words: NDArray[np.int64], start: int, entries: list[int]) -> int:
    """Appends the entries of a discrete or linear segment and returns where the next one starts."""
    _require(start + 2 < len(words))
    opcode, length = int(words[start]), int(words[start + 1])
    if opcode == _DISCRETE:
        _require(start + 2 + length <= len(words))
        entries += words[start + 2 : start + 2 + length].tolist()
        return start + 2 + length
    _require(opcode == _LINEAR and bool(entries))
    line = np.linspace(entries[-1], int(words[start + 2]), length + 1)[1:]
    entries += np.rint(line).astype(np.int64).tolist()
    return start + 3


def _require(well_formed: bool) -> None:
    if not well_formed:
        raise ValueError("a malformed segment")
