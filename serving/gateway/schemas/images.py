"""Images of a case, and how their pixels are read."""

from __future__ import annotations

from typing import Literal

from serving.gateway.schemas.base import Answer, Identifier


class Window(Answer):
    """A window on an image's values, in the unit of its values."""

    center: float
    width: float
    explanation: str = ""


class Pixels(Answer):
    """How the bytes of `GET .../pixels` are read: one frame, row by row, little endian.

    A stored value v stands for `slope * v + intercept`, in `unit`. Windows are in that unit.

    Attributes:
        dtype: of a sample. Signed values are moved to unsigned ones, which `intercept` takes back.
        samples: 1 for gray, 3 for RGB, which needs no window.
        inverted: whether the lowest value is shown white (MONOCHROME1).
        unit: HU for CT, else empty.
        windows: the file's own, else one of its values' range; the first is the one to begin with.
        aspect: height of a pixel over its width.
        spacing_mm: height and width of a pixel, where the file says them.
    """

    rows: int
    columns: int
    frames: int
    dtype: Literal["uint8", "uint16"]
    samples: Literal[1, 3]
    slope: float
    intercept: float
    inverted: bool
    unit: str
    windows: list[Window]
    aspect: float = 1.0
    spacing_mm: tuple[float, float] | None = None


class Image(Answer):
    """One file of a case.

    Attributes:
        file: its number in the upload, from 1; names of files are not kept.
        format: DICOM, PNG, JPEG or NIfTI.
        modality, view, sex: as the header says, empty where it says nothing.
        age_years: completed years, 90 for everybody older.
        burned_in_text: whether something like written text was found in the pixels: it may identify the patient.
    """

    id: Identifier
    file: int
    format: Literal["DICOM", "PNG", "JPEG", "NIfTI"]
    pixels: Pixels
    modality: str = ""
    view: str = ""
    sex: str = ""
    age_years: int | None = None
    burned_in_text: bool = False


class RejectedFile(Answer):
    """A file of the upload that gives no image; `status` as `radflow inspect` has it."""

    file: int
    status: Literal["not_dicom", "no_pixels", "unsupported", "corrupt"]
    reason: str
