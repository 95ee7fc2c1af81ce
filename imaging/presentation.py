"""How a dataset says its stored values are to be shown: rescale, LUTs, windows, padding, polarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom_file import text, value

_LARGEST = 1e9
"""A slope, window or padding value beyond this, or one that is not a number, is a broken header."""
_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True)
class LookupTable:
    """A Modality or VOI LUT (PS3.3, C.11.1.1.1 and C.11.2.1.1).

    Attributes:
        first: the input that the first entry maps; inputs beyond either end take the entry there.
        entries: float64 [n], 0..2**bits - 1.
        bits: of an entry.
    """

    first: int
    entries: NDArray[np.float64]
    bits: int


@dataclass(frozen=True)
class VoiWindow:
    """A window: center, width, and VOI LUT Function (0028,1056)."""

    center: float
    width: float
    function: str = "LINEAR"


@dataclass(frozen=True)
class Presentation:
    """What turns stored values into shown ones.

    Attributes:
        bits_stored, signed: the range that stored values may have.
        inverted: MONOCHROME1, whose lowest value is white (PS3.3, C.7.6.3.1.2).
        display_ready: without a window or LUT the whole stored range is shown rather than the image's own: a PNG, a
            JPEG, a colour image and anything of 8 bits were windowed when they were made.
        slope, intercept: Rescale Slope and Intercept, None where they are missing.
        rescale_type: Rescale Type (0028,1054), upper case.
        modality_lut, voi_lut, window: None where they are missing; of several windows the first.
        padding: lowest and highest stored value of pixels outside the image (0028,0120 and 0121), or None.
    """

    bits_stored: int
    signed: bool = False
    inverted: bool = False
    display_ready: bool = False
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    modality_lut: LookupTable | None = None
    voi_lut: LookupTable | None = None
    window: VoiWindow | None = None
    padding: tuple[float, float] | None = None


def read_presentation(dataset: Dataset, index: int, *, bits_stored: int, signed: bool) -> Presentation:
    """Returns how one frame of a grayscale dataset is to be shown. What is malformed counts as missing.

    Args:
        dataset: classic, or enhanced multi-frame (PS3.3, C.7.6.16), whose functional groups are looked into.
        index: the frame, from 0.
        bits_stored: of a stored value.
        signed: whether stored values have a sign.
    """
    rescale = _macro(dataset, index, "PixelValueTransformationSequence")
    voi = _macro(dataset, index, "FrameVOILUTSequence")
    return Presentation(
        bits_stored=bits_stored,
        signed=signed,
        inverted=text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1",
        display_ready=bits_stored <= 8,
        slope=_number(rescale, "RescaleSlope"),
        intercept=_number(rescale, "RescaleIntercept"),
        rescale_type=text(rescale, "RescaleType").upper(),
        modality_lut=_lookup_table(dataset, "ModalityLUTSequence"),
        voi_lut=_lookup_table(dataset, "VOILUTSequence"),
        window=_window(voi),
        padding=_padding(dataset, bits_stored, signed),
    )


def _macro(dataset: Dataset, index: int, keyword: str) -> Dataset:
    """Returns the item of a functional group macro: the frame's own, the shared one, or the dataset itself."""
    per_frame = value(dataset, "PerFrameFunctionalGroupsSequence") or []
    shared = value(dataset, "SharedFunctionalGroupsSequence") or []
    for group in [*list(per_frame)[index : index + 1], *list(shared)[:1]]:
        items = value(group, keyword)
        if items:
            return Dataset(items[0])
    return dataset


def _number(dataset: Dataset, keyword: str) -> float | None:
    """Returns an element's first value as a number of sensible size, or None."""
    found = value(dataset, keyword)
    try:
        number = float(found if np.isscalar(found) or not hasattr(found, "__getitem__") else found[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if abs(number) <= _LARGEST else None


def _window(dataset: Dataset) -> VoiWindow | None:
    center, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    function = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    if center is None or width is None or function not in _FUNCTIONS:
        return None
    return VoiWindow(center, width, function) if width >= (1 if function == "LINEAR" else 1e-9) else None


def _lookup_table(dataset: Dataset, keyword: str) -> LookupTable | None:
    items = value(dataset, keyword)
    try:
        count, first, bits = (int(number) for number in items[0].LUTDescriptor)
        entries = _entries(items[0].LUTData, count or 2**16, little=bool(dataset.original_encoding[1]))
    except Exception:  # noqa: BLE001  # a malformed LUT fails in many ways; it counts as missing
        return None
    if first >= 2**15 and value(dataset, "PixelRepresentation") == 1:
        first -= 2**16  # written as SS, read as US
    if not 1 <= bits <= 16 or not len(entries):
        return None
    return LookupTable(first, entries.clip(0, 2**bits - 1), bits)


def _entries(data: Any, count: int, *, little: bool) -> NDArray[np.float64]:
    """Returns LUT Data, which are bytes (OW) or numbers (US); 8-bit entries may be packed two to a word."""
    if isinstance(data, bytes):
        if len(data) < 2 * count:
            data = np.frombuffer(data, np.uint8)
        else:
            data = np.frombuffer(data[: 2 * count], "<u2" if little else ">u2")
    return np.atleast_1d(np.asarray(data, np.float64))[:count]


def _padding(dataset: Dataset, bits_stored: int, signed: bool) -> tuple[float, float] | None:
    ends = [_number(dataset, "PixelPaddingValue"), _number(dataset, "PixelPaddingRangeLimit")]
    known = [_as_stored(end, bits_stored, signed) for end in ends if end is not None]
    return (min(known), max(known)) if ends[0] is not None else None


def _as_stored(number: float, bits_stored: int, signed: bool) -> float:
    """Returns a padding value as a stored one: a negative number is often written unsigned, at 16 bits."""
    if signed and number >= 2 ** (bits_stored - 1):
        return number - 2**16 if number >= 2**15 else number - 2**bits_stored
    return number
