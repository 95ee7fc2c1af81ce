"""What a file is, and how it decodes or why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from data_schemas.errors import Corrupt, ImageRejected, NoPixels, Unsupported
from imaging.decoders import check_transfer_syntax, decode_frames
from imaging.dicom_file import integer, read_dataset, read_header, text, transfer_syntax
from imaging.image_file import read_image_file
from imaging.limits import MAX_INSPECTED_SAMPLES
from imaging.nifti import is_nifti, read_nifti
from imaging.pixel_format import pixel_format
from imaging.raster import is_raster, read_raster

FIELDS = (
    "file",
    "status",
    "modality",
    "transfer_syntax",
    "photometric",
    "rows",
    "columns",
    "frames",
    "raw_dtype",
    "raw_min",
    "raw_max",
    "reason",
)
"""Keys of `inspect_file`'s answer, in their order; None stands for what is not known."""


def inspect_file(path: Path) -> dict[str, Any]:
    """Returns what a file is and how it decodes.

    `status` is `ok`, `no_pixels`, `unsupported`, `corrupt` or `not_dicom`; `reason` says why it is not `ok`.
    `raw_dtype`, `raw_min` and `raw_max` are of the decoded pixels over all frames, before any LUT. Of the header, only
    what kind of image it is and its shape are told.

    Raises:
        OSError: the file cannot be read.
    """
    answer: dict[str, Any] = dict.fromkeys(FIELDS) | {"file": str(path), "status": "ok"}
    try:
        return answer | inspect_bytes(read_image_file(path))
    except ImageRejected as rejected:
        return answer | {"status": rejected.status, "reason": str(rejected)}


def inspect_bytes(data: bytes) -> dict[str, Any]:
    """Returns of a file's bytes what `inspect_file` does of a file, without its name."""
    answer: dict[str, Any] = dict.fromkeys(FIELDS[1:]) | {"status": "ok"}
    try:
        if is_raster(data):
            _inspect_raster(data, answer)
        elif is_nifti(data):
            _inspect_nifti(data, answer)
        else:
            _inspect_dicom(read_dataset(data), answer)
    except ImageRejected as rejected:
        answer |= {"status": rejected.status, "reason": str(rejected)}
    return answer


def inspect_header(path: Path) -> dict[str, Any]:
    """Returns the same as `inspect_file`, as far as the header of a DICOM file tells: no pixel is read or decoded.

    `raw_dtype`, `raw_min` and `raw_max` are None, and `ok` means that the header describes an image. Other files than
    DICOM, and what says so little that only its pixels would tell, are inspected as `inspect_file` does.

    Raises:
        OSError: the file cannot be read.
    """
    answer: dict[str, Any] = dict.fromkeys(FIELDS) | {"file": str(path), "status": "ok"}
    try:
        header = read_header(path) if path.is_file() else None
        if header is None:
            return inspect_file(path)
        _inspect_description(header.dataset, answer)
        if not header.has_pixels:
            raise NoPixels("a DICOM object without pixel data")
        check_transfer_syntax(header.dataset)
    except ImageRejected as rejected:
        answer |= {"status": rejected.status, "reason": str(rejected)}
    return answer


def _inspect_raster(data: bytes, answer: dict[str, Any]) -> None:
    pixels = read_raster(data).pixels
    answer |= {"rows": pixels.shape[0], "columns": pixels.shape[1], "frames": 1}
    answer |= {"raw_dtype": str(pixels.dtype), "raw_min": int(pixels.min()), "raw_max": int(pixels.max())}


def _inspect_nifti(data: bytes, answer: dict[str, Any]) -> None:
    slices = read_nifti(data).slices
    finite = slices[np.isfinite(slices)] if slices.dtype.kind == "f" else slices
    answer |= {"rows": slices.shape[1], "columns": slices.shape[2], "frames": slices.shape[0]}
    answer |= {"raw_dtype": slices.dtype.newbyteorder("=").name}
    if finite.size:
        answer |= {"raw_min": finite.min().item(), "raw_max": finite.max().item()}


def _inspect_dicom(dataset: Dataset, answer: dict[str, Any]) -> None:
    _inspect_description(dataset, answer)
    layout = pixel_format(dataset)
    answer["frames"] = layout.frames
    if layout.frames * int(np.prod(layout.shape)) > MAX_INSPECTED_SAMPLES:
        raise Unsupported(
            f"{layout.frames} frames of {layout.shape}; at most {MAX_INSPECTED_SAMPLES} samples are inspected"
        )
    bounds = [(frame.dtype, frame.min(), frame.max()) for frame in decode_frames(dataset, beyond=True)]
    answer["raw_dtype"] = str(bounds[0][0])
    answer["raw_min"] = min(low for _, low, _ in bounds).item()
    answer["raw_max"] = max(high for _, _, high in bounds).item()


def _inspect_description(dataset: Dataset, answer: dict[str, Any]) -> None:
    """Adds what the header says of the image."""
    syntax = transfer_syntax(dataset)
    answer |= {
        "modality": text(dataset, "Modality") or None,
        "transfer_syntax": None if syntax is None else str(syntax),
        "photometric": text(dataset, "PhotometricInterpretation") or None,
    }
    for name, keyword in (("rows", "Rows"), ("columns", "Columns"), ("frames", "NumberOfFrames")):
        try:
            answer[name] = integer(dataset, keyword)
        except Corrupt:
            answer[name] = None  # decoding says what is wrong with it
