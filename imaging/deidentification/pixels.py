"""Text in the pixels: whether there may be some, and the Clean Pixel Data option, which blacks out what is found.

The option is no guarantee (PS3.15, E.3.1 asks for none either): a person should look at what comes out. It blacks out
what lies outside the ultrasound regions that the header gives, and every line of text that is found, with a wide
margin; an image on which text is found even then is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from data_schemas.errors import Unsupported
from imaging.burned_in_text import AT_RISK, text_lines
from imaging.decoders import decode_frames
from imaging.dicom_file import text, value
from imaging.pixel_format import pixel_format

_FEWEST = 2
"""Characters of a line that is blacked out: where one is asked to clean, a doubt is enough."""
_MARGIN = 1.5
"""Heights of a line that are blacked out to its left and right as well; half of it above and below."""


def may_show_text(dataset: Dataset) -> str:
    """Returns why a dataset's pixels may identify somebody, or an empty text.

    Its own word, Burned In Annotation (0028,0301) or Recognizable Visual Features (0028,0302), goes first. Pixels are
    looked at where the modality writes on its pictures, whatever the header says of them.

    Raises:
        ImageRejected: the pixels cannot be decoded.
    """
    if said := declares_text(dataset):
        return said
    if text(dataset, "Modality").upper() in AT_RISK:
        for frame in decode_frames(dataset):
            if text_lines(_gray(frame)):
                return "text was found in the pixels"
    return ""


def declares_text(dataset: Dataset) -> str:
    """Returns what in a header says that the pixels may identify somebody, or an empty text."""
    if text(dataset, "RecognizableVisualFeatures").upper() == "YES":
        return "Recognizable Visual Features is YES"
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        return "Burned In Annotation is YES"
    return "an overlay lies in the pixels' high bits" if _has_embedded_overlay(dataset) else ""


def _has_embedded_overlay(dataset: Dataset) -> bool:
    """Returns whether an overlay's Bit Position (60xx,0102) says that it lies in unused bits of the pixels."""
    tags = [Tag(group, 0x0102) for group in range(0x6000, 0x6020, 2)]
    return any(tag in dataset and dataset[tag].value not in (0, None) for tag in tags)


def clean_pixels(dataset: Dataset) -> int:
    """Blacks out text in every frame, in place and uncompressed from then on; returns how many areas.

    Raises:
        Unsupported: faces, or pixels whose black is not known, or text is found in what comes out.
        ImageRejected: the pixels cannot be decoded.
    """
    layout = pixel_format(dataset)
    if not dataset.original_encoding[1]:
        raise Unsupported("Big Endian pixels are not cleaned: convert the file to Explicit VR Little Endian first")
    if text(dataset, "RecognizableVisualFeatures").upper() == "YES":
        raise Unsupported("Recognizable Visual Features is YES, and only text is cleaned")
    if layout.photometric not in ("MONOCHROME1", "MONOCHROME2", "RGB") and not layout.photometric.startswith("YBR"):
        raise Unsupported(f"{layout.photometric} pixels are not cleaned")
    frames, areas = [], 0
    for frame in decode_frames(dataset):
        kept = frame & np.array(2**layout.bits_stored - 1, frame.dtype) if not layout.signed else frame
        black = kept.max() if layout.photometric == "MONOCHROME1" else min(kept.min(), np.array(0, frame.dtype))
        areas += _black_out(kept, dataset, black)
        if text_lines(_gray(kept)):
            raise Unsupported("text is found in the pixels even after cleaning")
        frames.append(kept)
    _put_pixels(dataset, np.stack(frames))
    dataset.BurnedInAnnotation = "NO"
    return areas


def _black_out(frame: NDArray[Any], dataset: Dataset, black: Any) -> int:
    regions = value(dataset, "SequenceOfUltrasoundRegions") or []
    if regions:
        inside = np.zeros(frame.shape[:2], np.bool_)
        for one in regions:
            rows = slice(one.RegionLocationMinY0, one.RegionLocationMaxY1 + 1)
            inside[rows, one.RegionLocationMinX0 : one.RegionLocationMaxX1 + 1] = True
        frame[~inside] = black
    lines = text_lines(_gray(frame), fewest=_FEWEST)
    for line in lines:
        height = line.bottom - line.top
        top, bottom = max(0, line.top - height // 2), line.bottom + height // 2
        left, right = max(0, line.left - round(_MARGIN * height)), line.right + round(_MARGIN * height)
        frame[top:bottom, left:right] = black
    return len(lines) + bool(regions)


def _gray(frame: NDArray[Any]) -> NDArray[Any]:
    return frame if frame.ndim == 2 else frame.max(axis=2)


def _put_pixels(dataset: Dataset, frames: NDArray[Any]) -> None:
    """Writes frames (frames, rows, columns[, 3]) uncompressed, little endian; `decode_frames` has made colour RGB."""
    if frames.ndim == 4:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    data = np.ascontiguousarray(frames.astype(frames.dtype.newbyteorder("<"), copy=False)).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB" if frames.dtype.itemsize == 1 else "OW"
    dataset["PixelData"].is_undefined_length = False
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            delattr(dataset, keyword)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
