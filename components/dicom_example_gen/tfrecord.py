"""Writes and checks TFRecords, gzipped as TFX reads them, without TensorFlow, which takes a worker seconds to load.

The format: TensorFlow's `core/lib/io/record_writer.h`. Length, its masked CRC-32C, the record, its masked CRC-32C.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import google_crc32c

_MASK = 0xA282EAD8
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no name, no time, no system (RFC 1952, 2.3)."""
_LONGEST_BLOCK = 65_535
_LAST_BLOCK = struct.pack("<BHH", 1, 0, 65_535)
"""An empty stored block that is marked as the last one."""


class RecordWriter:
    """Writes records to an open file.

    The gzip stream is of stored blocks (RFC 1951, 3.2.4): PNGs are compressed already, and a second time costs as
    much as decoding the image did. zlib's own level 0 copies so slowly that it takes a thirtieth of an ingest.

    Args:
        file: open for writing bytes; the caller closes it, after `close`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._crc, self._size = file, 0, 0
        self._file.write(_GZIP_HEADER)

    def write(self, record: bytes) -> None:
        """Appends one record."""
        length = struct.pack("<Q", len(record))
        self._store(b"".join((length, masked_crc(length), record, masked_crc(record))))

    def close(self) -> None:
        """Writes what ends the stream; a file without it is no gzip file."""
        self._file.write(_LAST_BLOCK + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

    def _store(self, data: bytes) -> None:
        self._crc, self._size = zlib.crc32(data, self._crc), self._size + len(data)
        view = memoryview(data)
        for start in range(0, len(data), _LONGEST_BLOCK):
            block = view[start : start + _LONGEST_BLOCK]
            self._file.write(struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF))
            self._file.write(block)


def masked_crc(data: bytes) -> bytes:
    """Returns the CRC-32C of data, rotated and shifted so that a record may itself hold records."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF)


def check_records(path: Path) -> None:
    """Reads a file of records to its end.

    Args:
        path: as `RecordWriter` wrote it.

    Raises:
        ValueError: it is cut off, or a sum of it is wrong.
        OSError: it cannot be read.
    """
    try:
        with gzip.open(path) as file:
            while length := file.read(8):
                _check(length, file.read(4))
                _check(file.read(struct.unpack("<Q", length)[0]), file.read(4))
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error, OverflowError, MemoryError) as error:
        raise ValueError(f"no whole file of records: {error}") from error


def _check(data: bytes, crc: bytes) -> None:
    if masked_crc(data) != crc:
        raise ValueError("a record's sum is wrong")
