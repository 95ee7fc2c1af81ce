"""The values that occur in an image, so that what is done to a pixel is computed once for each value and looked up."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Entry = TypeVar("Entry", np.uint8, np.uint16)

_MOST = 2**16
"""Whole numbers in a range no wider than this are listed; others are sorted, which takes ten times as long."""


class ValueTable:
    """What values an image has, and the image in terms of them.

    Args:
        pixels: (rows, columns) of any integer or float type.

    Attributes:
        values: float64 (n,), rising: every value that occurs, and for whole numbers those between them too.
    """

    def __init__(self, pixels: NDArray[Any]) -> None:
        self._pixels = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
        self._low: int | None = None
        if pixels.dtype.kind in "iub" and int(pixels.max()) - int(pixels.min()) < _MOST:
            self._low = int(pixels.min())
            self.values = np.arange(self._low, int(pixels.max()) + 1, dtype=np.float64)
        else:
            found, self._places = np.unique(self._pixels, return_inverse=True)
            self.values = found.astype(np.float64)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each value occurs, (n,)."""
        return np.bincount(self._positions, minlength=len(self.values))

    def mapped(self, table: NDArray[Entry]) -> NDArray[Entry]:
        """Returns the image with each value replaced.

        Args:
            table: (n,), what becomes of each of `values`.
        """
        if self._low is None or self._pixels.dtype.itemsize > 2:
            return table[self._positions].reshape(self._pixels.shape)
        # Two's complement makes negative values the upper half: no pixel is shifted, and none widened to 8 bytes.
        unsigned = np.dtype(f"u{self._pixels.dtype.itemsize}")
        every = np.zeros(2 ** (8 * unsigned.itemsize), table.dtype)
        every[np.arange(self._low, self._low + len(table)).astype(unsigned)] = table
        return np.take(every, self._pixels.view(unsigned))

    @property
    def _positions(self) -> NDArray[np.int64]:
        if self._low is None:
            return np.asarray(self._places.ravel(), np.int64)
        return np.asarray(np.subtract(self._pixels, self._low, dtype=np.int64).ravel(), np.int64)
