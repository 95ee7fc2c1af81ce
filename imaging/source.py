"""Bytes of a DICOM, PNG, JPEG or NIfTI file -> gray frames and the header that goes with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_schemas.errors import Unsupported
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
from imaging.raster import Raster, is_raster, read_raster
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
    """

    pixels: NDArray[Any]
    presentation: Presentation
    header: SourceHeader
    frame: int = 1
    exposed: Box | None = None


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
    if is_raster(data):
        yield _raster_source(read_raster(data))
        return
    if is_nifti(data):
        yield from _nifti_sources(read_nifti(data), policy)
        return
    dataset = read_dataset(data)
    layout = pixel_format(dataset)
    check_high_bit(layout, integer(dataset, "HighBit"))
    _check_colours(layout, str(transfer_syntax(dataset)))
    header = _header(dataset, layout)
    if policy != "every":
        index = layout.frames // 2 if policy == "middle" else 0
        yield _dicom_source(decode_frame(dataset, index), index, dataset=dataset, layout=layout, header=header)
        return
    _check_number(layout.frames)
    for index, pixels in enumerate(decode_frames(dataset)):
        yield _dicom_source(pixels, index, dataset=dataset, layout=layout, header=header)


def _dicom_source(
    pixels: NDArray[Any], index: int, *, dataset: Dataset, layout: PixelFormat, header: SourceHeader
) -> SourceImage:
    """Returns a decoded frame, `index` from 0, as gray stored values and how they are shown."""
    if layout.samples == 1:
        pixels = stored_values(pixels, layout, syntax=str(transfer_syntax(dataset)))
    if layout.photometric == "PALETTE COLOR":
        pixels = coloured(pixels, dataset)
    exposed = exposed_box(dataset, index)
    if pixels.ndim == 3:
        presentation = Presentation(
            bits_stored=8 * pixels.dtype.itemsize, display_ready=True, aspect=pixel_aspect(dataset, index)
        )
        return SourceImage(_luminance(pixels), presentation, header, index + 1, exposed)
    presentation = read_presentation(dataset, index, bits_stored=layout.bits_stored, signed=layout.signed)
    return SourceImage(pixels, presentation, header, index + 1, exposed)


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


def _nifti_sources(volume: NiftiVolume, policy: FramePolicy) -> Iterator[SourceImage]:
    count, dtype = len(volume.slices), volume.slices.dtype
    if policy == "every":
        _check_number(count)
    window = () if volume.shown is None else (VoiWindow.between(*volume.shown),)
    presentation = Presentation(
        bits_stored=8 * dtype.itemsize,
        signed=dtype.kind != "u",
        display_ready=dtype.itemsize == 1,
        slope=volume.slope,
        intercept=volume.intercept,
        windows=window,
        aspect=volume.aspect,
    )
    header = SourceHeader(frames=count, bits_stored=8 * dtype.itemsize)
    for index in range(count) if policy == "every" else (count // 2,):
        pixels = np.ascontiguousarray(volume.slices[index], dtype.newbyteorder("="))
        yield SourceImage(pixels, presentation, header, index + 1)


def _raster_source(raster: Raster) -> SourceImage:
    presentation = Presentation(bits_stored=raster.bits, display_ready=True)
    return SourceImage(_luminance(raster.pixels), presentation, SourceHeader(bits_stored=raster.bits))


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
