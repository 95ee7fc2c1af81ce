"""PNG, JPEG and NIfTI files without what is written beside their pixels: comments, Exif, names, places, thumbnails.

Pixels are copied as they are stored, so that they decode to the same values; only the orientation, which they need,
is written again.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib

from data_schemas.errors import Corrupt, Unsupported
from imaging.exif import orientation_of
from imaging.limits import MAX_VOLUME_BYTES
from imaging.nifti import is_nifti
from imaging.raster import is_raster

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"IDAT", b"IEND"})
"""Chunks that pixels are made of (PNG, third edition, 11): none has text or a date."""
_SOI, _EOI, _SOS, _APP0, _APP14, _COMMENT = 0xD8, 0xD9, 0xDA, 0xE0, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""What ends entropy-coded data: neither a stuffed byte, nor a restart marker, nor a fill byte (ITU-T T.81, B.1.1)."""
_JFIF_BYTES, _ADOBE_BYTES = 14, 12
_NIFTI_TEXTS = {348: ((4, 28), (148, 104), (328, 16)), 540: ((240, 104), (508, 16))}
"""sizeof_hdr -> start and bytes of what is free text: data_type and db_name, descrip and aux_file, intent_name."""
_NIFTI_OFFSET = {348: (108, "f", 352), 540: (168, "q", 544)}
"""sizeof_hdr -> where vox_offset stands, its type, and what it is without extensions."""


def without_metadata(data: bytes) -> bytes:
    """Returns a file with the same pixels and nothing that tells whose they are.

    Args:
        data: of a PNG, JPEG or NIfTI file that has been decoded. NIfTI comes back compressed if it was.

    Raises:
        Corrupt: the file's structure cannot be followed to its end.
        Unsupported: the file is none of the three, or a volume larger than Radflow reads.
    """
    try:
        if is_raster(data):
            return _png(data) if data.startswith(_PNG) else _jpeg(data)
        if is_nifti(data):
            return _nifti(data)
    except (struct.error, IndexError) as error:
        raise Corrupt("the file ends within its structure, so that its metadata cannot be removed") from error
    raise Unsupported("metadata are removed from PNG, JPEG and NIfTI files alone")


def _png(data: bytes) -> bytes:
    parts, at = [_PNG], len(_PNG)
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            raise IndexError
        if name in _PNG_KEPT:
            parts.append(data[at:end])
        if name == b"IHDR" and orientation_of(data) != 1:
            parts.append(_png_orientation(orientation_of(data)))
        if name == b"IEND":
            return b"".join(parts)
        at = end


def _png_orientation(orientation: int) -> bytes:
    block = b"eXIf" + _tiff(orientation)
    return struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block))


def _tiff(orientation: int) -> bytes:
    """Returns a TIFF block with one entry, Orientation (Exif 2.32, 4.6.4)."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _jpeg(data: bytes) -> bytes:
    parts, at, orientation = [data[:2]], 2, orientation_of(data)
    if orientation != 1:
        exif = b"Exif\0\0" + _tiff(orientation)
        parts.append(struct.pack(">BBH", 0xFF, 0xE1, len(exif) + 2) + exif)
    while True:
        if data[at] != 0xFF:
            raise Corrupt("a JPEG file whose segments do not follow each other")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _EOI:
            return b"".join([*parts, b"\xff\xd9"])
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        parts.append(_jpeg_segment(marker, data[at + 4 : end]))
        if marker == _SOS:
            found = _NEXT_MARKER.search(data, end)
            if found is None:
                raise Corrupt("the JPEG image is cut off")
            parts.append(data[end : found.start()])
            end = found.start()
        at = end


def _jpeg_segment(marker: int, payload: bytes) -> bytes:
    """Returns a segment as it is kept; nothing of comments and of what applications write, but JFIF's and Adobe's."""
    if marker == _APP0 and payload.startswith(b"JFIF\0"):
        payload = payload[: _JFIF_BYTES - 2] + b"\0\0"  # without its thumbnail
    elif marker == _APP14 and payload.startswith(b"Adobe"):
        payload = payload[:_ADOBE_BYTES]
    elif marker in _APPLICATION or marker == _COMMENT:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _nifti(data: bytes) -> bytes:
    compressed = data.startswith(b"\x1f\x8b")
    volume = bytearray(_inflated(data) if compressed else data)
    order = "<" if struct.unpack_from("<i", volume)[0] in _NIFTI_TEXTS else ">"
    (size,) = struct.unpack_from(f"{order}i", volume)
    for start, length in _NIFTI_TEXTS[size]:
        volume[start : start + length] = bytes(length)
    place, kind, first = _NIFTI_OFFSET[size]
    offset = max(int(struct.unpack_from(f"{order}{kind}", volume, place)[0]), first)
    struct.pack_into(f"{order}{kind}", volume, place, first)
    kept = bytes(volume[:size]) + bytes(first - size) + bytes(volume[offset:])
    return gzip.compress(kept, 1, mtime=0) if compressed else kept


def _inflated(data: bytes) -> bytes:
    """Returns what gzip holds, up to what Radflow reads of a volume."""
    parts, size = [], 0
    while data:
        inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            parts.append(inflater.decompress(data, MAX_VOLUME_BYTES - size + 1))
        except zlib.error as error:
            raise Corrupt("the gzip data cannot be inflated") from error
        size += len(parts[-1])
        if size > MAX_VOLUME_BYTES:
            raise Unsupported(f"a volume of more than {MAX_VOLUME_BYTES} bytes")
        data = inflater.unused_data
    return b"".join(parts)
