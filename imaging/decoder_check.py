"""Decodes a known frame of every transfer syntax: does this installation read what it says it reads?"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, SecondaryCaptureImageStorage

from data_schemas.errors import ImageRejected
from imaging.decoders import DECODERS, DecoderRow, decode_frame
from imaging.dicom_file import read_dataset

Frame = NDArray[Any]
Encoder = Callable[[Frame], Any]

_DEEP = (np.arange(64, dtype=np.uint16) * 64).reshape(8, 8)
"""(8, 8) uint16, 0..4032 in steps of 64: 12 bits."""
_SHALLOW = (_DEEP >> 4).astype(np.uint8)
"""The same in 8 bits."""
_HTJ2K = bytes.fromhex(
    "ff4fff5100294000000000080000000800000000000000000000000800000008000000000000000000010f0101ff50000800020000000aff"
    "52000c00020001000504044001ff5c00132088909090909090909090909090888888ff64001700014f70656e4a504820566572203"
    "02e32362e332eff90000a0000000000590001ff93c00026bbf5050774000000c000134000130046fe020774003ef203877400c00013"
    "400013801e1e01827400fee88f00c35400c0002a20001540beeffbaa70827500fefbf7efc04201ecb600ffd9"
)
"""`_DEEP` in High-Throughput JPEG 2000, which imagecodecs writes on Python 3.11 and later only."""


@dataclass(frozen=True)
class DecoderCheck:
    """One row of the matrix: what reads a transfer syntax, and why it does not; `problem` is empty where it does."""

    transfer_syntax: str
    name: str
    decoder: str
    problem: str


def check_decoders() -> list[DecoderCheck]:
    """Returns a row for every transfer syntax, each after decoding a known frame of it."""
    return [
        DecoderCheck(uid, row.name, _decoder_name(row), row.missing or _problem(uid, *_SAMPLES[uid]))
        for uid, row in DECODERS.items()
    ]


def _decoder_name(row: DecoderRow) -> str:
    if row.codec is not None:
        return f"imagecodecs {row.codec}"
    return "pydicom" if row.decode is None else "zlib"


def _problem(uid: str, image: Frame, encode: Encoder | None, loss: int) -> str:
    try:
        found = decode_frame(
            _written_and_read(uid, image) if encode is None else _compressed(uid, image, encode(image))
        )
    except ImageRejected as rejection:
        return str(rejection)
    if found.shape != image.shape or found.dtype != image.dtype:
        return f"it gives {found.dtype} {found.shape} for {image.dtype} {image.shape}"
    worst = int(np.abs(found.astype(np.int64) - image).max())
    return "" if worst <= loss else f"a pixel is {worst} off, where {loss} may be lost"


def _compressed(uid: str, image: Frame, frame: bytes) -> Dataset:
    dataset = _described(uid, image)
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def _written_and_read(uid: str, image: Frame) -> Dataset:
    """Returns a dataset that went through a file, since deflation and byte order are undone on reading."""
    dataset = _described(uid, image)
    dataset.PixelData = image.astype(">u2" if uid == ExplicitVRBigEndian else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return read_dataset(target.getvalue())


def _described(uid: str, image: Frame) -> Dataset:
    dataset, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID = UID(uid)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, UID("1.2.3")
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, UID("1.2.3")
    dataset.Rows, dataset.Columns = image.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * image.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    return dataset


def _rle(image: Frame) -> bytes:
    """Returns RLE Lossless (PS3.5, G.2 to G.5): a segment of the high bytes and one of the low ones."""
    planes = ((image >> 8).astype(np.uint8), (image & 255).astype(np.uint8))
    high, low = (imagecodecs.packbits_encode(plane.tobytes()) for plane in planes)
    high += b"\0" * (len(high) % 2)
    return np.array([2, 64, 64 + len(high), *[0] * 13], "<u4").tobytes() + high + low


def _deflated(image: Frame) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(image.tobytes()) + deflater.flush()


_jpeg_8 = partial(imagecodecs.jpeg8_encode, level=98)
_jpeg_12 = partial(imagecodecs.jpeg8_encode, level=98, bitspersample=12)
_jpeg_lossless = partial(imagecodecs.ljpeg_encode, bitspersample=16)
_jpeg_2000 = partial(imagecodecs.jpeg2k_encode, level=0, codecformat="j2k", reversible=True)
_jpeg_xl = partial(imagecodecs.jpegxl_encode, lossless=True)

_SAMPLES: dict[str, tuple[Frame, Encoder | None, int]] = {
    "1.2.840.10008.1.2": (_DEEP, None, 0),
    "1.2.840.10008.1.2.1": (_DEEP, None, 0),
    "1.2.840.10008.1.2.1.99": (_DEEP, None, 0),
    "1.2.840.10008.1.2.2": (_DEEP, None, 0),
    "1.2.840.10008.1.2.4.50": (_SHALLOW, _jpeg_8, 4),
    "1.2.840.10008.1.2.4.51": (_DEEP, _jpeg_12, 64),
    "1.2.840.10008.1.2.4.53": (_SHALLOW, _jpeg_8, 4),
    "1.2.840.10008.1.2.4.55": (_DEEP, _jpeg_12, 64),
    "1.2.840.10008.1.2.4.57": (_DEEP, _jpeg_lossless, 0),
    "1.2.840.10008.1.2.4.70": (_DEEP, _jpeg_lossless, 0),
    "1.2.840.10008.1.2.4.80": (_DEEP, imagecodecs.jpegls_encode, 0),
    "1.2.840.10008.1.2.4.81": (_DEEP, imagecodecs.jpegls_encode, 0),
    "1.2.840.10008.1.2.4.90": (_DEEP, _jpeg_2000, 0),
    "1.2.840.10008.1.2.4.91": (_DEEP, _jpeg_2000, 0),
    "1.2.840.10008.1.2.4.92": (_DEEP, _jpeg_2000, 0),
    "1.2.840.10008.1.2.4.93": (_DEEP, _jpeg_2000, 0),
    "1.2.840.10008.1.2.4.110": (_DEEP, _jpeg_xl, 0),
    "1.2.840.10008.1.2.4.111": (_DEEP, _jpeg_xl, 0),
    "1.2.840.10008.1.2.4.112": (_DEEP, _jpeg_xl, 0),
    "1.2.840.10008.1.2.4.201": (_DEEP, lambda _: _HTJ2K, 0),
    "1.2.840.10008.1.2.4.202": (_DEEP, lambda _: _HTJ2K, 0),
    "1.2.840.10008.1.2.4.203": (_DEEP, lambda _: _HTJ2K, 0),
    "1.2.840.10008.1.2.5": (_DEEP, _rle, 0),
    "1.2.840.10008.1.2.8.1": (_DEEP, _deflated, 0),
}
"""Transfer syntax -> an image, what compresses it (None: it is not compressed), and how far a pixel may be off after.

Nothing here writes progressive JPEG: its decoder is given a sequential stream.
"""
