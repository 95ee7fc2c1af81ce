"""Bytes -> DICOM dataset, for files as they are found: without preamble, without file meta, deflated, cut off."""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import pydicom
from pydicom.config import IGNORE, settings
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from data_schemas.errors import Corrupt, NoPixels, NotDicom, Unsupported
from imaging.limits import MAX_FILE_BYTES

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_PREAMBLE = 132
_ITEM = b"\xfe\xff\x00\xe0"
"""The item tag (FFFE,E000), little endian, with which encapsulated pixel data start (PS3.5, A.4)."""
_PIXEL_GROUP = 0x7FE0
_LONGEST_FILE_META = 4096
"""Bytes in which a transfer syntax is looked for; File Meta Information has a few hundred."""
_DESCRIBING = ("Modality", "PhotometricInterpretation", "Rows", "Columns", "NumberOfFrames", "SOPClassUID")
_IDENTIFYING = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Modality", "Rows", "PatientID")
"""One of these stands in whatever is a DICOM object; garbage that parses by chance has none."""


def read_dataset(data: bytes) -> Dataset:
    """Returns the dataset that a file's bytes hold, with a `file_meta.TransferSyntaxUID` where one can be known.

    Raises:
        NotDicom: the bytes are no DICOM object, with or without a preamble.
        Corrupt: they start as one and cannot be read.
        Unsupported: the file, or what it inflates to, is larger than `MAX_FILE_BYTES`.
    """
    if not data:
        raise NotDicom("the file is empty")
    if len(data) > MAX_FILE_BYTES:
        raise Unsupported(f"the file has {len(data)} bytes; at most {MAX_FILE_BYTES} are read")
    _hush_pydicom()
    has_prefix = data[128:_PREAMBLE] == b"DICM"
    if has_prefix:
        _check_inflated_size(data)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        plausible = (
            len(dataset) > 0 if has_prefix else any(name in dataset for name in (*_IDENTIFYING, *PIXEL_KEYWORDS))
        )
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # pydicom raises any type on broken bytes; its text may quote the header
        raise (Corrupt if has_prefix else NotDicom)(f"it cannot be read as DICOM ({type(error).__name__})") from None
    if not plausible:
        if has_prefix:
            raise Corrupt("a DICOM header without a dataset")
        raise NotDicom("neither DICOM nor PNG, JPEG or NIfTI")
    _complete_file_meta(dataset)
    return dataset


class Header(NamedTuple):
    """The elements of a file that describe its image, and whether pixel data follow."""

    dataset: Dataset
    has_pixels: bool


def read_header(path: Path) -> Header | None:
    """Returns what describes the image of a DICOM file, without reading its pixels; None where only `read_dataset` can.

    That is a file without a preamble, and one that is deflated as a whole.

    Raises:
        Corrupt: it starts as DICOM and cannot be read.
        OSError: the file cannot be opened.
    """
    _hush_pydicom()
    with path.open("rb") as file:
        start = file.read(_PREAMBLE + _LONGEST_FILE_META)
        if start[128:_PREAMBLE] != b"DICM" or DeflatedExplicitVRLittleEndian.encode() in start:
            return None
        file.seek(0)
        try:
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_DESCRIBING))
            little = dataset.original_encoding[1] is not False
            following = file.read(2)
        except Exception as error:  # noqa: BLE001  # as in `read_dataset`
            raise Corrupt(f"it cannot be read as DICOM ({type(error).__name__})") from None
    _complete_file_meta(dataset)
    return Header(dataset, int.from_bytes(following, "little" if little else "big") == _PIXEL_GROUP)


def value(dataset: Dataset, keyword: str) -> Any:
    """Returns an element's value, or None where it is absent, empty or cannot be converted."""
    try:
        found = dataset.get(keyword)
    except Exception:  # noqa: BLE001  # a bad element fails in many ways when its value is converted
        return None
    return None if found is None or found == "" else found


def text(dataset: Dataset, keyword: str) -> str:
    """Returns an element as text without surrounding blanks; empty where there is none."""
    found = value(dataset, keyword)
    return "" if found is None else str(found).strip().strip("\0").strip()


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Returns an element as one integer, or None where it is absent.

    Raises:
        Corrupt: it is there and is not one integer.
    """
    if keyword not in dataset:
        return None
    found = value(dataset, keyword)
    if found is None:
        try:
            return None if dataset[keyword].is_empty else _not_an_integer(keyword)
        except Exception:  # noqa: BLE001  # as in `value`
            return _not_an_integer(keyword)
    try:
        return int(found)
    except (TypeError, ValueError, OverflowError):
        return _not_an_integer(keyword)


def transfer_syntax(dataset: Dataset) -> UID | None:
    """Returns the transfer syntax, or None where neither the file nor its bytes tell."""
    found = text(dataset.file_meta, "TransferSyntaxUID")
    return UID(found) if found else None


def pixel_keyword(dataset: Dataset) -> str:
    """Returns which of `PIXEL_KEYWORDS` holds the pixels.

    Raises:
        NoPixels: none, or an empty one.
    """
    for keyword in PIXEL_KEYWORDS:
        if value(dataset, keyword):
            return keyword
    raise NoPixels("a DICOM object without pixel data")


def _not_an_integer(keyword: str) -> int:
    raise Corrupt(f"{keyword} is not one whole number")


def _hush_pydicom() -> None:
    """Silences pydicom in this process: its warnings and log lines quote header values, which are patient data.

    Set anew on each call rather than for a block: restoring either setting at the end of a block is not thread-safe.
    """
    settings.reading_validation_mode = IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"pydicom\.")


def _check_inflated_size(data: bytes) -> None:
    """Inflates a deflated dataset up to the limit, since pydicom inflates without one."""
    if data[_PREAMBLE : _PREAMBLE + 4] != b"\x02\x00\x00\x00" or len(data) < _PREAMBLE + 12:
        return
    (length,) = struct.unpack_from("<I", data, _PREAMBLE + 8)
    start = _PREAMBLE + 12 + length
    if DeflatedExplicitVRLittleEndian.encode() not in data[_PREAMBLE:start]:
        return
    inflater, size, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, data[start:]
    try:
        while rest and size <= MAX_FILE_BYTES:
            size += len(inflater.decompress(rest, 2**24))
            rest = inflater.unconsumed_tail
    except zlib.error:
        raise Corrupt("the deflated dataset cannot be inflated") from None
    if size > MAX_FILE_BYTES:
        raise Unsupported(f"the deflated dataset is larger than {MAX_FILE_BYTES} bytes")


def _complete_file_meta(dataset: Dataset) -> None:
    """Fills in the transfer syntax from how the bytes parsed; encapsulated pixels without one stay without."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = FileMetaDataset()
    if text(dataset.file_meta, "TransferSyntaxUID"):
        return
    pixels = value(dataset, "PixelData")
    if isinstance(pixels, bytes) and pixels.startswith(_ITEM):
        return
    implicit, little = dataset.original_encoding
    if implicit is not None:
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
