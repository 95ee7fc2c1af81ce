"""How a dataset says its stored values are to be shown: rescale, LUTs, windows, padding, polarity."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from imaging.dicom_file import text, value
from imaging.geometry import pixel_aspect
from imaging.header_values import functional_group, number, numbers

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
_PROJECTIONS = ("1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2", "1.2.840.10008.5.1.4.1.1.12.3")
"""XA, XRF and the retired biplane XA Image Storage (PS3.6, table A-1)."""


@dataclass(frozen=True)
class LookupTable:
    """A Modality or VOI LUT (PS3.3, C.11.1.1.1 and C.11.2.1.1).

    Attributes:
        first: the input that the first entry maps; inputs beyond either end take the entry there.
        entries: float64 [n], 0..2**bits - 1.
        bits: of an entry.
        explanation: LUT Explanation (0028,3003), what the table is for.
    """

    first: int
    entries: NDArray[np.float64]
    bits: int
    explanation: str = ""


@dataclass(frozen=True)
class VoiWindow:
    """A window: center, width, VOI LUT Function (0028,1056), and Window Center & Width Explanation (0028,1055)."""

    center: float
    width: float
    function: str = "LINEAR"
    explanation: str = ""

    @classmethod
    def between(cls, black: float, white: float) -> VoiWindow:
        """Returns the window that is black up to one value and white from another on."""
        return cls((black + white) / 2, white - black, "LINEAR_EXACT")


@dataclass(frozen=True)
class Presentation:
    """What turns stored values into shown ones.

    Attributes:
        bits_stored, signed: the range that stored values may have.
        inverted: the lowest value is white: MONOCHROME1 (PS3.3, C.7.6.3.1.2) or Presentation LUT Shape INVERSE
            (C.11.6.1.2). Where both say so, as they should (C.7.6.1), it is one inversion.
        display_ready: without a window or LUT the whole stored range is shown rather than the image's own: a PNG, a
            JPEG, a colour image and anything of 8 bits were windowed when they were made.
        slope, intercept: Rescale Slope and Intercept, None where they are missing.
        rescale_type: Rescale Type (0028,1054), upper case.
        modality_lut: None where it is missing.
        voi_luts, windows: in the file's order; empty where they are missing.
        padding: lowest and highest stored value of pixels outside the image (0028,0120 and 0121), or None.
        aspect: height of a pixel over its width (`imaging.geometry`).
    """

    bits_stored: int
    signed: bool = False
    inverted: bool = False
    display_ready: bool = False
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    modality_lut: LookupTable | None = None
    voi_luts: tuple[LookupTable, ...] = ()
    windows: tuple[VoiWindow, ...] = ()
    padding: tuple[float, float] | None = None
    aspect: float = 1.0

    @property
    def stored_range(self) -> tuple[int, int]:
        """Lowest and highest value that Bits Stored allows."""
        low = -(2 ** (self.bits_stored - 1)) if self.signed else 0
        return low, low + 2**self.bits_stored - 1


def read_presentation(dataset: Dataset, index: int, *, bits_stored: int, signed: bool) -> Presentation:
    """Returns how one frame of a grayscale dataset is to be shown. What is malformed counts as missing.

    Args:
        dataset: classic, or enhanced multi-frame (PS3.3, C.7.6.16), whose functional groups are looked into.
        index: the frame, from 0.
        bits_stored: of a stored value.
        signed: whether stored values have a sign.
    """
    backward = _maps_backward(dataset)
    rescale = Dataset() if backward else functional_group(dataset, index, "PixelValueTransformationSequence")
    slope, intercept = number(rescale, "RescaleSlope"), number(rescale, "RescaleIntercept")
    modality_luts = () if backward else _lookup_tables(dataset, dataset, "ModalityLUTSequence", signed)
    below_zero = not modality_luts and (signed or (intercept or 0) < 0)
    voi = functional_group(dataset, index, "FrameVOILUTSequence")
    return Presentation(
        bits_stored=bits_stored,
        signed=signed,
        inverted=_is_inverted(dataset),
        display_ready=bits_stored <= 8,
        slope=slope or None,  # a slope of 0 would leave no image
        intercept=intercept,
        rescale_type=text(rescale, "RescaleType").upper(),
        modality_lut=next(iter(modality_luts), None),
        voi_luts=_lookup_tables(dataset, voi, "VOILUTSequence", below_zero),
        windows=_windows(voi),
        padding=_padding(dataset, bits_stored, signed),
        aspect=pixel_aspect(dataset, index),
    )


def _maps_backward(dataset: Dataset) -> bool:
    """Returns whether Modality LUT and rescale are not for display.

    In XA and XRF whose Pixel Intensity Relationship is LOG or DISP they lead back to the X-ray intensity, and the VOI
    LUT is applied to stored values (PS3.3, C.8.7.1.1.2; PS3.4, N.2.1.2).
    """
    relationship = text(dataset, "PixelIntensityRelationship").upper()
    return text(dataset, "SOPClassUID") in _PROJECTIONS and relationship in ("LOG", "DISP")


def _is_inverted(dataset: Dataset) -> bool:
    white_first = text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1"
    return white_first or text(dataset, "PresentationLUTShape").upper() == "INVERSE"


def _windows(dataset: Dataset) -> tuple[VoiWindow, ...]:
    function = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    if function not in _FUNCTIONS:
        return ()
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    said = value(dataset, "WindowCenterWidthExplanation")
    explanations = [said] if isinstance(said, str) else list(said or [])
    narrowest = 1 if function == "LINEAR" else 1e-9
    return tuple(
        VoiWindow(center, width, function, str(explanation or "").strip())
        for center, width, explanation in itertools.zip_longest(centers, widths, explanations)
        if center is not None and width is not None and width >= narrowest
    )


def _lookup_tables(dataset: Dataset, holder: Dataset, keyword: str, below_zero: bool) -> tuple[LookupTable, ...]:
    """Returns the well-formed tables of a sequence.

    Args:
        dataset: the whole object, which knows its byte order.
        holder: what has the sequence.
        keyword: of the sequence.
        below_zero: whether the inputs may be negative, so that the first one is SS even where it was read as US.
    """
    items = value(holder, keyword) or []
    tables = (_lookup_table(item, bool(dataset.original_encoding[1]), below_zero) for item in items)
    return tuple(table for table in tables if table is not None)


def _lookup_table(item: Dataset, little: bool, below_zero: bool) -> LookupTable | None:
    try:
        count, first, bits = (int(number) for number in item.LUTDescriptor)
        entries = _entries(item.LUTData, count or 2**16, little=little)
    except Exception:  # noqa: BLE001  # a malformed LUT fails in many ways; it counts as missing
        return None
    if first >= 2**15 and below_zero:
        first -= 2**16  # written as SS, read as US
    if not 1 <= bits <= 16 or not len(entries):
        return None
    return LookupTable(first, entries.clip(0, 2**bits - 1), bits, text(item, "LUTExplanation"))


def _entries(data: Any, count: int, *, little: bool) -> NDArray[np.float64]:
    """Returns LUT Data, which are bytes (OW) or numbers (US); 8-bit entries may be packed two to a word."""
    if isinstance(data, bytes):
        if len(data) < 2 * count:
            data = np.frombuffer(data, np.uint8)
        else:
            data = np.frombuffer(data[: 2 * count], "<u2" if little else ">u2")
    return np.atleast_1d(np.asarray(data, np.float64))[:count]


def _padding(dataset: Dataset, bits_stored: int, signed: bool) -> tuple[float, float] | None:
    ends = [number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")]
    known = [_as_stored(end, bits_stored, signed) for end in ends if end is not None]
    return (min(known), max(known)) if ends[0] is not None else None


def _as_stored(padding: float, bits_stored: int, signed: bool) -> float:
    """Returns a padding value as a stored one: a negative number is often written unsigned, at 16 bits."""
    if signed and padding >= 2 ** (bits_stored - 1):
        return padding - 2**16 if padding >= 2**15 else padding - 2**bits_stored
    return padding
