"""Writes TFRecords, gzipped as TFX reads them, without TensorFlow, which takes a worker process seconds to load.

The format: TensorFlow's `core/lib/io/record_writer.h`. Length, its masked CRC-32C, the record, its masked CRC-32C.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import google_crc32c

_GZIP = zlib.MAX_WBITS | 16
_MASK = 0xA282EAD8


class RecordWriter:
    """Writes records to an open file.

    Args:
        file: open for writing bytes; the caller closes it, after `close`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Level 0 stores: PNGs are compressed already, and a second time costs as much as decoding the image did.
        self._gzip = zlib.compressobj(level=0, wbits=_GZIP)

    def write(self, record: bytes) -> None:
        """Appends one record."""
        length = struct.pack("<Q", len(record))
        for part in (length, masked_crc(length), record, masked_crc(record)):
            self._file.write(self._gzip.compress(part))

    def close(self) -> None:
        """Writes what is left; a file without it is no gzip file."""
        self._file.write(self._gzip.flush())


def masked_crc(data: bytes) -> bytes:
    """Returns the CRC-32C of data, rotated and shifted so that a record may itself hold records."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)
