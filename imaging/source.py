"""Bytes of a DICOM, PNG, JPEG or NIfTI file -> gray frames and the header that goes with them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_schemas.errors import Corrupt, Unsupported
from data_schemas.image_settings import FramePolicy
from imaging.ages import age_at, age_in_years
from imaging.crop import Box, exposed_box
from imaging.decoders import decode_frame, decode_frames
from imaging.dicom_file import integer, read_dataset, text, transfer_syntax
from imaging.geometry import pixel_aspect
from imaging.limits import MAX_EXAMPLE_FRAMES
from imaging.manifest import SEXES
from imaging.nifti import NiftiVolume, is_nifti, read_nifti
from imaging.palette import coloured
from imaging.pixel_format import PixelFormat, pixel_format
from imaging.presentation import Presentation, VoiWindow, read_presentation
from imaging.raster import is_raster, read_raster
from imaging.stored_bits import check_high_bit, stored_values

_CODECS = "1.2.840.10008.1.2.4."
"""Start of the Transfer Syntax UIDs of JPEG, JPEG-LS, JPEG 2000 and JPEG XL, whose decoders undo YBR."""
_PART = 4
"""Letters of a name from which it is no chance that other text has them too."""


@dataclass(frozen=True)
class SourceHeader:
    """What a file says of its image. Strings are empty and the age None where it says nothing, as all but DICOM do.

    Attributes:
        modality, view, sex, manufacturer: upper case; sex is M, F or O.
        age_years: Patient's Age, else from the birth and study dates.
        patient_id, issuer, study_instance_uid, sop_instance_uid: identifiers, kept within this process.
        intent: Presentation Intent Type (0008,0068), upper case: FOR PRESENTATION or FOR PROCESSING.
        frames: of the file.
        bits_stored: of a sample.
    """

    modality: str = ""
    view: str = ""
    sex: str = ""
    age_years: float | None = None
    manufacturer: str = ""
    patient_id: str = ""
    issuer: str = ""
    study_instance_uid: str = ""
    sop_instance_uid: str = ""
    transfer_syntax: str = ""
    photometric: str = ""
    intent: str = ""
    frames: int = 1
    bits_stored: int = 8


@dataclass(frozen=True)
class SourceImage:
    """One gray frame: (rows, columns) stored values as the file has them, how they are shown, and the header.

    Attributes:
        exposed: what collimator and shutter leave open, where the header says so.
        frame: its number; the first is 1.
        colour: (rows, columns, 3) RGB, of which `pixels` are the luminance; None of a gray image.
    """

    pixels: NDArray[Any]
    presentation: Presentation
    header: SourceHeader
    frame: int = 1
    exposed: Box | None = None
    colour: NDArray[Any] | None = None


def read_source(data: bytes, *, frame: Literal["first", "middle"] = "first") -> SourceImage:
    """Returns one image of a file, and raises, as `read_frames` does."""
    return next(read_frames(data, policy=frame))


def read_frames(data: bytes, *, policy: FramePolicy) -> Iterator[SourceImage]:
    """Yields the images of a file that a task takes; colour becomes luminance.

    Args:
        data: the file's bytes.
        policy: which frames of several. Of a NIfTI volume, whose first slice is its edge, `first` is the middle one.

    Raises:
        NotDicom: the bytes are none of the four.
        NoPixels: a DICOM object without pixels.
        Unsupported: well-formed, but not read; also more frames than `MAX_EXAMPLE_FRAMES`, if every one is wanted.
        Corrupt: cut off, inconsistent or undecodable.
    """
    yield from open_source(data).chosen(policy)


def open_source(data: bytes) -> SourceFile:
    """Returns a file whose header has been read and whose frames can be.

    Raises:
        NotDicom, NoPixels, Unsupported, Corrupt: as `read_frames`.
    """
    if is_raster(data):
        return _RasterFile(data)
    return _NiftiFile(data) if is_nifti(data) else _DicomFile(data)


class SourceFile(ABC):
    """A file that was opened; `open_source` makes one.

    Attributes:
        format: what it is.
        header: what it says; of each of its frames.
        shape: rows and columns of a frame.
        dataset: of a DICOM file, else None.
    """

    format: Literal["DICOM", "PNG", "JPEG", "NIfTI"]
    header: SourceHeader
    shape: tuple[int, int]
    dataset: Dataset | None = None

    @abstractmethod
    def frame(self, number: int) -> SourceImage:
        """Returns one frame, the first of which is 1.

        Raises:
            Unsupported, Corrupt: as `read_frames`.
        """

    def number(self, policy: Literal["first", "middle"]) -> int:
        """Returns which frame a policy means."""
        return 1 if policy == "first" else self.header.frames // 2 + 1

    def chosen(self, policy: FramePolicy) -> Iterator[SourceImage]:
        """Yields the frames that a policy means, and raises, as `read_frames` does."""
        if policy != "every":
            yield self.frame(self.number(policy))
            return
        _check_number(self.header.frames)
        yield from self._every()

    def _every(self) -> Iterator[SourceImage]:
        return (self.frame(number) for number in range(1, self.header.frames + 1))


class _DicomFile(SourceFile):
    format = "DICOM"

    def __init__(self, data: bytes) -> None:
        self._dataset = self.dataset = read_dataset(data)
        self._layout = pixel_format(self._dataset)
        check_high_bit(self._layout, integer(self._dataset, "HighBit"))
        _check_colours(self._layout, str(transfer_syntax(self._dataset)))
        self.header = _header(self._dataset, self._layout)
        self.shape = self._layout.rows, self._layout.columns

    def frame(self, number: int) -> SourceImage:
        return self._source(decode_frame(self._dataset, number - 1), number - 1)

    def _every(self) -> Iterator[SourceImage]:
        for index, pixels in enumerate(decode_frames(self._dataset)):
            yield self._source(pixels, index)

    def _source(self, pixels: NDArray[Any], index: int) -> SourceImage:
        """Returns a decoded frame, `index` from 0, as gray stored values and how they are shown."""
        dataset, layout = self._dataset, self._layout
        if layout.samples == 1:
            pixels = stored_values(pixels, layout, syntax=str(transfer_syntax(dataset)))
        if layout.photometric == "PALETTE COLOR":
            pixels = coloured(pixels, dataset)
        exposed = exposed_box(dataset, index)
        if pixels.ndim == 3:
            presentation = Presentation(
                bits_stored=8 * pixels.dtype.itemsize, display_ready=True, aspect=pixel_aspect(dataset, index)
            )
            return SourceImage(_luminance(pixels), presentation, self.header, index + 1, exposed, pixels)
        presentation = read_presentation(dataset, index, bits_stored=layout.bits_stored, signed=layout.signed)
        return SourceImage(pixels, presentation, self.header, index + 1, exposed)


class _NiftiFile(SourceFile):
    format = "NIfTI"

    def __init__(self, data: bytes) -> None:
        self._volume = read_nifti(data)
        count, dtype = len(self._volume.slices), self._volume.slices.dtype
        self.header = SourceHeader(frames=count, bits_stored=8 * dtype.itemsize)
        self.shape = self._volume.slices.shape[1], self._volume.slices.shape[2]
        self._presentation = _nifti_presentation(self._volume)

    def number(self, policy: Literal["first", "middle"]) -> int:
        """Returns the middle slice for both: the first is the volume's edge."""
        return super().number("middle")

    def frame(self, number: int) -> SourceImage:
        if not 1 <= number <= self.header.frames:
            raise Corrupt(f"slice {number} of {self.header.frames}")
        pixels = self._volume.slices[number - 1]
        native = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))
        return SourceImage(native, self._presentation, self.header, number)


class _RasterFile(SourceFile):
    def __init__(self, data: bytes) -> None:
        self.format = "PNG" if data.startswith(b"\x89PNG") else "JPEG"
        self._raster = read_raster(data)
        self.header = SourceHeader(bits_stored=self._raster.bits)
        self.shape = self._raster.pixels.shape[0], self._raster.pixels.shape[1]

    def frame(self, number: int) -> SourceImage:
        if number != 1:
            raise Corrupt(f"frame {number} of 1")
        pixels, bits = self._raster.pixels, self._raster.bits
        presentation = Presentation(bits_stored=bits, display_ready=True)
        colour = pixels if pixels.ndim == 3 else None
        return SourceImage(_luminance(pixels), presentation, self.header, colour=colour)


def _check_colours(layout: PixelFormat, syntax: str) -> None:
    """Raises unless the samples are, or become by decoding, gray, RGB or indices of a palette (PS3.3, C.7.6.3.1.2)."""
    partial = layout.photometric.startswith("YBR_PARTIAL") and not syntax.startswith(_CODECS)
    if partial or layout.photometric in ("ARGB", "CMYK", "HSV"):
        raise Unsupported(f"Photometric Interpretation {layout.photometric}, which is retired or for video alone")


def _check_number(frames: int) -> None:
    if frames > MAX_EXAMPLE_FRAMES:
        raise Unsupported(
            f"{frames} frames; image.frame: every takes at most {MAX_EXAMPLE_FRAMES} of a file: split the file, "
            "or take the first or the middle frame"
        )


def _nifti_presentation(volume: NiftiVolume) -> Presentation:
    dtype = volume.slices.dtype
    return Presentation(
        bits_stored=8 * dtype.itemsize,
        signed=dtype.kind != "u",
        display_ready=dtype.itemsize == 1,
        slope=volume.slope,
        intercept=volume.intercept,
        windows=() if volume.shown is None else (VoiWindow.between(*volume.shown),),
        aspect=volume.aspect,
    )


def _luminance(pixels: NDArray[Any]) -> NDArray[Any]:
    """Returns ITU-R BT.601 luma of (rows, columns, 3) RGB, rounded; gray pixels as they are."""
    if pixels.ndim == 2:
        return pixels
    if pixels.dtype not in (np.uint8, np.uint16):
        raise Unsupported(f"colour pixels of type {pixels.dtype}; unsigned 8 and 16 bits are read")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def _manufacturer(dataset: Dataset) -> str:
    """Returns Manufacturer, which is free text, unless it repeats a part of the patient's name or id."""
    manufacturer = " ".join(text(dataset, "Manufacturer").upper().split())
    named = re.split(r"[\^=\s]+", f"{text(dataset, 'PatientName')} {text(dataset, 'PatientID')}".upper())
    return "" if any(len(part) >= _PART and part in manufacturer for part in named) else manufacturer


def _header(dataset: Dataset, layout: PixelFormat) -> SourceHeader:
    sex = text(dataset, "PatientSex").upper()
    age = age_in_years(text(dataset, "PatientAge"))
    syntax = transfer_syntax(dataset)
    return SourceHeader(
        modality=text(dataset, "Modality").upper(),
        view=text(dataset, "ViewPosition").upper(),
        sex=sex if sex in SEXES else "",
        age_years=age_at(text(dataset, "StudyDate"), text(dataset, "PatientBirthDate")) if age is None else age,
        manufacturer=_manufacturer(dataset),
        patient_id=text(dataset, "PatientID"),
        issuer=text(dataset, "IssuerOfPatientID"),
        study_instance_uid=text(dataset, "StudyInstanceUID"),
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        transfer_syntax="" if syntax is None else str(syntax),
        photometric=layout.photometric,
        intent=text(dataset, "PresentationIntentType").upper(),
        frames=layout.frames,
        bits_stored=layout.bits_stored,
    )
