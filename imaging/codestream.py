"""What the header of a compressed image says, read before a decoder sets memory aside for it.

JPEG: ITU-T T.81, B.2; JPEG-LS: T.87, C.2; JPEG 2000 and HTJ2K: T.800, A.5.1, box format I.5; PNG: W3C PNG, 11.2.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from data_schemas.errors import Corrupt
from imaging.lossless_jpeg import check_lossless_jpeg

_START_OF_FRAME = (set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}
"""JPEG markers SOF0 to SOF15 without DHT, JPG and DAC; SOF55 of JPEG-LS."""
_LOSSLESS = 0xC3
_STANDALONE = {0x01, *range(0xD0, 0xD9)}
"""Markers without a length: TEM, RST0 to RST7, SOI."""
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = b"\xff\xd9"
"""EOI. Entropy-coded data never hold it (B.1.1.5), and without it decoders fill what is missing with gray, silently."""
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_J2K_START = b"\xff\x4f\xff\x51"
"""SOC, which SIZ must follow at once."""
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Codestream:
    """Shape of a compressed image as its own header gives it.

    Attributes:
        precision: bits of a sample.
        signed: whether samples are signed (JPEG 2000 alone can say so).
        lossless_jpeg: SOF3, whose samples carry no colour transform.
        first_table_only: every scan of a lossless JPEG names Huffman table 0.
        jfif: a JFIF marker stands, so three components are YCbCr.
        adobe_transform: APP14's transform flag: 0 none, 1 YCbCr, 2 YCCK; None without the marker.
        component_ids: JPEG's component identifiers.
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False
    lossless_jpeg: bool = False
    first_table_only: bool = False
    jfif: bool = False
    adobe_transform: int | None = None
    component_ids: bytes = b""

    @property
    def is_ycbcr(self) -> bool:
        """Whether the stream itself says that its three components are YCbCr."""
        return self.adobe_transform == 1 or (self.jfif and self.adobe_transform is None)

    @property
    def is_rgb(self) -> bool:
        """Whether the stream names its three components R, G and B."""
        return self.component_ids in (b"RGB", b"rgb")


def read_codestream(data: bytes) -> Codestream:
    """Returns what the header of a JPEG, JPEG-LS, JPEG 2000, HTJ2K or PNG image says.

    Lossless JPEG is checked to its end: what decodes it trusts every byte of its headers.

    Raises:
        Corrupt: the header is none of these, or is cut off; a lossless JPEG image is malformed.
        Unsupported: a lossless JPEG image has scans that no decoder reads.
    """
    try:
        if data.startswith(_PNG_SIGNATURE):
            return _png(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith((_J2K_START, _JP2_SIGNATURE)):
            return _jpeg2000(data)
    except (struct.error, IndexError) as error:
        raise Corrupt("the compressed image ends within its header") from error
    raise Corrupt("the compressed pixel data do not start as a JPEG, JPEG-LS or JPEG 2000 image does")


def _png(data: bytes) -> Codestream:
    columns, rows, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if data[12:16] != b"IHDR" or colour not in (0, 2, 3, 4, 6):
        raise Corrupt("a PNG without a valid IHDR")
    return Codestream(rows, columns, 3 if colour in (2, 3, 6) else 1, 8 if colour == 3 else depth)


def _jpeg(data: bytes) -> Codestream:
    """Walks the markers from SOI to the frame header, notes APP0 and APP14 on the way, and looks for EOI after it."""
    at, jfif, adobe = 2, False, None
    while True:
        if data[at] != 0xFF:
            raise Corrupt("a JPEG marker is missing")
        marker = data[at + 1]
        if marker == 0xFF or marker in _STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        payload = data[at + 4 : at + 2 + length]
        if marker in _START_OF_FRAME:
            if data.find(_END_OF_IMAGE, at) < 0:
                raise Corrupt("the JPEG image is cut off")
            first_table_only = marker == _LOSSLESS and check_lossless_jpeg(data)
            return _jpeg_frame(marker, payload, jfif=jfif, adobe=adobe, first_table_only=first_table_only)
        if marker == _START_OF_SCAN:
            raise Corrupt("a JPEG scan without a frame header")
        jfif = jfif or (marker == 0xE0 and payload.startswith(b"JFIF\0"))
        if marker == 0xEE and payload.startswith(b"Adobe") and len(payload) >= 12:
            adobe = payload[11]
        at += 2 + length


def _jpeg_frame(marker: int, payload: bytes, *, jfif: bool, adobe: int | None, first_table_only: bool) -> Codestream:
    precision, rows, columns, components = struct.unpack_from(">BHHB", payload)
    ids = bytes(payload[6 : 6 + 3 * components : 3])
    return Codestream(
        rows,
        columns,
        components,
        precision,
        lossless_jpeg=marker == _LOSSLESS,
        first_table_only=first_table_only,
        jfif=jfif,
        adobe_transform=adobe,
        component_ids=ids,
    )


def _jpeg2000(data: bytes) -> Codestream:
    start = 0 if data.startswith(_J2K_START) else data.find(_J2K_START)
    if start < 0:
        raise Corrupt("a JP2 file without a codestream")
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    depth = data[start + 42]
    return Codestream(bottom - top, right - left, components, (depth & 0x7F) + 1, signed=bool(depth & 0x80))
