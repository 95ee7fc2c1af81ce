from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from data_schemas.errors import Corrupt
from imaging.palette import coloured, expanded

COLOURS = ("Red", "Green", "Blue")


def palette(data: bytes, descriptor: list[int], *, segmented: bool = False, signed: bool = False) -> Dataset:
    made = Dataset()
    made.set_original_encoding(False, True, "latin1")
    made.PixelRepresentation = int(signed)
    for colour in COLOURS:
        made.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", descriptor)
        prefix = "Segmented" if segmented else ""
        made.add_new(f"{prefix}{colour}PaletteColorLookupTableData", "OW", data)
    return made


def words(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int64)


def red(indices: list[int], made: Dataset, dtype: Any = np.uint16) -> np.ndarray[Any, Any]:
    return coloured(np.array([indices], dtype), made)[0, :, 0]


def test_indices_beyond_the_ends_take_the_end() -> None:
    found = red([0, 10, 11, 12, 900], palette(b"\1\0\2\0\3\1", [3, 10, 16]))
    assert (found.dtype, found.tolist()) == (np.uint16, [1, 1, 2, 259, 259])


@pytest.mark.parametrize(
    ("data", "descriptor"),
    [(b"\1\2\3\4", [4, 0, 8]), (b"\1\0\2\0\3\0\4\0", [4, 0, 8]), (b"\1\2\3\4", [4, 0, 16])],
    ids=["packed", "a word each", "packed and called 16 bits"],
)
def test_entries_of_8_bits(data: bytes, descriptor: list[int]) -> None:
    found = red([0, 3], palette(data, descriptor))
    assert (found.dtype, found.tolist()) == (np.uint8, [1, 4])


def test_a_palette_of_more_than_256_entries_of_8_bits() -> None:
    data = np.repeat(np.arange(150, dtype=np.uint8), 2).tobytes()
    assert red([0, 299], palette(data, [300, 0, 8])).tolist() == [0, 149]


def test_a_first_index_below_0() -> None:
    made = palette(b"\5\0\6\0\7\0", [3, 65_535, 16], signed=True)
    assert red([-9, -1, 0, 1, 9], made, np.int16).tolist() == [5, 5, 6, 7, 7]


@given(st.lists(st.integers(0, 65_535), min_size=2, max_size=40), st.integers(0, 5), st.data())
def test_agrees_with_pydicom(entries: list[int], first: int, data: Any) -> None:
    made = palette(np.array(entries, "<u2").tobytes(), [len(entries), first, 16])
    indices = np.array([data.draw(st.lists(st.integers(0, 60), min_size=1, max_size=9))], np.uint8)
    np.testing.assert_array_equal(coloured(indices, made), apply_color_lut(indices, made))


# The worked example of PS3.3, C.7.9.2: discrete and linear segments, then an indirect one that repeats the first two.
SEGMENTS = (0, 1, 0, 1, 2, 100, 2, 2, 0, 0)


def test_segments_are_expanded() -> None:
    assert expanded(words(*SEGMENTS), 6, wide=True).tolist() == [0, 50, 100, 0, 50, 100]


def test_an_offset_counts_bytes() -> None:
    # The linear segment starts at word 3, byte 6; with 8-bit words at byte 3, in four of them.
    assert expanded(words(0, 1, 0, 1, 2, 100, 2, 1, 6, 0), 5, wide=True).tolist() == [0, 50, 100, 100, 100]
    assert expanded(words(0, 1, 0, 1, 2, 100, 2, 1, 3, 0, 0, 0), 5, wide=False).tolist() == [0, 50, 100, 100, 100]


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.integers(1, 9), st.integers(0, 65_535)), max_size=8))
def test_segments_agree_with_pydicom(segments: list[tuple[int, int, int]]) -> None:
    flat = [0, 2, 7, 8]
    for opcode, length, number in segments:
        flat += [opcode, length, *([number] * (length if opcode == 0 else 1))]
    count = 2 + sum(length for _, length, _ in segments)
    made = palette(np.array(flat, "<u2").tobytes(), [count, 0, 16], segmented=True)
    made.file_meta = Dataset()  # type: ignore[assignment]
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    del made.file_meta
    indices = np.arange(count, dtype=np.uint16)[np.newaxis]
    np.testing.assert_array_equal(coloured(indices, made), apply_color_lut(indices, made))


def test_no_more_than_the_descriptor_says_is_expanded() -> None:
    # Each indirect segment would repeat 65,535 entries 65,535 times.
    bomb = words(0, 1, 0, 1, 65_535, 9, *([2, 65_535, 6, 0] * 10_000))
    assert len(expanded(bomb, 65_536, wide=True)) == 65_536


@pytest.mark.parametrize(
    "numbers",
    [(0, 9, 1), (1, 2, 5), (7, 1, 1), (0, 1, 5, 2, 1, 6, 0), (0, 1, 5, 2, 1), (0, 1, 5)],
    ids=["cut off", "linear first", "unknown opcode", "indirect to itself", "no offset", "too short"],
)
def test_malformed_segments_are_corrupt(numbers: tuple[int, ...]) -> None:
    made = palette(np.array(numbers, "<u2").tobytes(), [5, 0, 16], segmented=True)
    with pytest.raises(Corrupt, match="palette"):
        red([0], made)


@given(st.binary(max_size=60), st.booleans(), st.integers(0, 40), st.sampled_from([8, 16]))
def test_any_bytes_give_colours_or_a_rejection(data: bytes, segmented: bool, count: int, bits: int) -> None:
    with contextlib.suppress(Corrupt):
        assert red([0, 1], palette(data, [count, 0, bits], segmented=segmented)).shape == (2,)
