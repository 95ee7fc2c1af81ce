"""What a dataset says of its pixels: shape, integer type, photometric interpretation; checked before any is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from data_schemas.errors import Corrupt, Unsupported
from imaging.dicom_file import integer, pixel_keyword, text
from imaging.limits import check_frame


@dataclass(frozen=True)
class PixelFormat:
    """The Image Pixel module of a dataset (PS3.3, C.7.6.3), checked.

    Attributes:
        samples: samples per pixel. signed: Pixel Representation is 1.
        photometric: Photometric Interpretation, upper case.
    """

    rows: int
    columns: int
    samples: int
    frames: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    photometric: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """The integer type of a decoded frame, in native byte order."""
        return np.dtype(f"{'i' if self.signed else 'u'}{max(1, self.bits_allocated // 8)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, columns), or (rows, columns, 3) in colour."""
        return (self.rows, self.columns, self.samples)[: 2 if self.samples == 1 else 3]


def pixel_format(dataset: Dataset) -> PixelFormat:
    """Returns the checked Image Pixel module of a dataset.

    Raises:
        Corrupt: an element is missing, impossible or contradicts another.
        Unsupported: the image is larger or of another kind than Radflow reads.
    """
    is_float = pixel_keyword(dataset) != "PixelData"
    frames = integer(dataset, "NumberOfFrames")
    found = PixelFormat(
        rows=_needed(dataset, "Rows"),
        columns=_needed(dataset, "Columns"),
        samples=_needed(dataset, "SamplesPerPixel"),
        frames=frames or 1,  # none, empty and 0 all mean one, as pydicom reads them
        bits_allocated=_needed(dataset, "BitsAllocated"),
        bits_stored=_needed(dataset, "BitsAllocated" if is_float else "BitsStored"),
        signed=not is_float and _needed(dataset, "PixelRepresentation") == 1,
        photometric=text(dataset, "PhotometricInterpretation").upper(),
    )
    if found.bits_allocated not in ((32, 64) if is_float else (1, 8, 16, 32, 64)):
        raise Unsupported(f"{found.bits_allocated} bits allocated; 1, 8, 16, 32 and 64 are read")
    if not 0 < found.bits_stored <= found.bits_allocated:
        raise Corrupt(f"{found.bits_stored} bits stored of {found.bits_allocated} allocated")
    check_frame(rows=found.rows, columns=found.columns, samples=found.samples, frames=found.frames)
    return found


def _needed(dataset: Dataset, keyword: str) -> int:
    found = integer(dataset, keyword)
    if found is None:
        raise Corrupt(f"{keyword} is missing")
    return found
