from __future__ import annotations

import numpy as np
import pytest

from imaging.value_table import ValueTable

RNG = np.random.default_rng(1)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", ">u2", "u4", "i4", "f4", "f8", "?"])
def test_mapping_every_value_to_its_rank_gives_numpys_ranks(dtype: str) -> None:
    pixels = RNG.integers(-120 if np.dtype(dtype).kind in "if" else 0, 120, (13, 7)).astype(dtype)
    table = ValueTable(pixels)
    found = table.mapped(np.arange(len(table.values)).astype(np.uint16))
    np.testing.assert_array_equal(table.values[found], pixels.astype(np.float64))
    assert found.shape == pixels.shape


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_counts_are_numpys(dtype: str) -> None:
    pixels = RNG.integers(0, 9, (20, 20)).astype(dtype)
    table = ValueTable(pixels)
    values, counts = np.unique(pixels, return_counts=True)
    np.testing.assert_array_equal(table.counts[np.searchsorted(table.values, values)], counts)
    assert table.counts.sum() == pixels.size


def test_the_ends_of_a_type_are_values_like_others() -> None:
    pixels = np.array([[-32768, 32767], [0, -1]], np.int16)
    table = ValueTable(pixels)
    mapped = table.mapped((table.values + 32768).astype(np.uint16))
    np.testing.assert_array_equal(mapped, [[0, 65535], [32768, 32767]])


def test_a_strided_view_is_read_as_it_looks() -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(4, 6)[::2, ::3]
    table = ValueTable(pixels)
    np.testing.assert_array_equal(table.values[table.mapped(np.arange(len(table.values), dtype=np.uint16))], pixels)
