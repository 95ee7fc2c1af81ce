"""Lossless JPEG (SOF3) checked marker by marker before a decoder in C sees it.

Decoders of lossless JPEG follow lengths, table and component numbers without a look at them: a frame header with one
wrong byte ends the whole process, which no `except` can hold back. ITU-T T.81, B.1 to B.2.4 and H.1.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from data_schemas.errors import Corrupt, Unsupported

_START_OF_FRAME, _HUFFMAN, _SCAN, _RESTART, _END = 0xC3, 0xC4, 0xDA, 0xDD, 0xD9
_SKIPPED = {0xDB, *range(0xE0, 0xF0), 0xFE}
"""DQT, which a lossless stream does not use, APPn and COM."""
_MAX_PRECISION, _MAX_CATEGORY = 16, 16
"""Bits of a sample (table B.2), bits of a difference (table H.2)."""
_MARKER = re.compile(rb"\xff[\x01-\xfe]")
_MARKER_BUT_RESTART = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""What ends entropy-coded data: FF 00 is a data byte FF, RST0 to RST7 stand within data that have restart intervals."""


@dataclass
class _Stream:
    """What the segments so far have said.

    Attributes:
        components: identifiers in the order of the frame; empty before the frame header.
        tables: numbers of the Huffman tables that are defined.
        interval: restart interval, 0 for none.
        scanned: components that scans have held. used: tables that scans have named. scans: how many there were.
    """

    rows: int = 0
    columns: int = 0
    precision: int = 0
    components: bytes = b""
    tables: set[int] = field(default_factory=set)
    interval: int = 0
    scanned: bytes = b""
    used: set[int] = field(default_factory=set)
    scans: int = 0


def check_lossless_jpeg(data: bytes) -> bool:
    """Walks a lossless JPEG image from SOI to EOI and refuses what the standard does not allow.

    Returns:
        Whether its scans name Huffman table 0 alone, the only one that libjpeg-turbo finds.

    Raises:
        Corrupt: a segment is malformed, contradicts another or is missing.
        Unsupported: the image has other tables than the first, and several scans or restart intervals.
        struct.error, IndexError: the stream ends within a segment's fixed part.
    """
    stream, at = _Stream(), 2
    while True:
        marker, at = _next_marker(data, at)
        if marker == _END:
            return _finished(stream)
        (length,) = struct.unpack_from(">H", data, at)
        payload = data[at + 2 : at + length]
        _require(length >= 2 and len(payload) == length - 2, f"a segment of {length} bytes")
        at += length
        if marker == _SCAN:
            at = _scan(stream, payload, data, at)
        else:
            _segment(stream, marker, payload)


def _require(valid: bool, what: str) -> None:
    if not valid:
        raise Corrupt(f"the lossless JPEG image is malformed: {what}")


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Returns the marker at `at`, fill bytes skipped, and where its segment starts."""
    _require(data[at] == 0xFF, "a marker is missing")
    while data[at] == 0xFF:
        at += 1
    return data[at], at + 1


def _finished(stream: _Stream) -> bool:
    _require(stream.components != b"" and stream.scanned == stream.components, "a component without a scan")
    if stream.used == {0}:
        return True
    if stream.scans > 1 or stream.interval:
        tables = sorted(stream.used)
        raise Unsupported(f"lossless JPEG with Huffman tables {tables} is read in one scan without restarts only")
    return False


def _segment(stream: _Stream, marker: int, payload: bytes) -> None:
    if marker == _START_OF_FRAME:
        _frame(stream, payload)
    elif marker == _HUFFMAN:
        _huffman(stream, payload)
    elif marker == _RESTART:
        _require(len(payload) == 2, f"a restart interval of {len(payload)} bytes")
        (stream.interval,) = struct.unpack(">H", payload)
    else:  # another frame, DNL, arithmetic coding, hierarchy, RST without a scan, or reserved
        _require(marker in _SKIPPED, f"marker FF{marker:02X} has no place in it")


def _frame(stream: _Stream, payload: bytes) -> None:
    """Reads the frame header (B.2.2): one or three components, whose samples in colour all have the same size."""
    _require(stream.components == b"", "two frame headers")
    stream.precision, stream.rows, stream.columns, count = struct.unpack_from(">BHHB", payload)
    _require(len(payload) == 6 + 3 * count, f"a frame header of {len(payload)} bytes for {count} components")
    _require(count in (1, 3), f"{count} components")
    _require(2 <= stream.precision <= _MAX_PRECISION, f"{stream.precision} bits a sample")
    _require(stream.rows > 0 and stream.columns > 0, f"{stream.rows} rows of {stream.columns}")
    stream.components = payload[6::3]
    _require(len(set(stream.components)) == count, "two components of one name")
    for sampling in payload[7::3]:
        single = 1 <= sampling >> 4 <= 4 and 1 <= sampling & 15 <= 4
        _require(sampling == 0x11 or (count == 1 and single), f"sampling factors {sampling:02X}")


def _huffman(stream: _Stream, payload: bytes) -> None:
    """Reads the tables of a DHT segment (B.2.4.2): sixteen counts and as many symbols, each code a leaf of one tree."""
    at = 0
    while at < len(payload):
        number, counts = payload[at], payload[at + 1 : at + 17]
        total = sum(counts)
        symbols = payload[at + 17 : at + 17 + total]
        _require(number <= 3, f"Huffman table {number:02X}")
        _require(len(counts) == 16 and len(symbols) == total, "a Huffman table that is cut off")
        _require(1 <= total <= _MAX_CATEGORY + 1, f"a Huffman table of {total} codes")
        leaves = sum(count << (15 - index) for index, count in enumerate(counts))
        _require(leaves <= 1 << 16, "a Huffman table of more codes than there are")
        _require(max(symbols) <= _MAX_CATEGORY, f"a difference of {max(symbols)} bits")
        stream.tables.add(number)
        at += 17 + total


def _scan(stream: _Stream, payload: bytes, data: bytes, at: int) -> int:
    """Reads a scan header (B.2.3) and returns where the data that start at `at` end."""
    _require(stream.components != b"", "a scan before the frame header")
    count = payload[0]
    _require(len(payload) == 4 + 2 * count, f"a scan header of {len(payload)} bytes for {count} components")
    predictor, end, transform = payload[-3:]
    _require(1 <= predictor <= 7 and end == 0, f"predictor {predictor} to {end}")
    _require(transform < stream.precision, f"point transform {transform:02X}")
    stream.scanned += payload[1:-3:2]
    _require(count > 0 and stream.components.startswith(stream.scanned), "a scan of components that the frame has not")
    tables = {number >> 4 for number in payload[2:-3:2]}
    _require(tables <= stream.tables, f"Huffman tables {sorted(tables - stream.tables)} are not defined")
    _require(stream.interval % stream.columns == 0, f"a restart interval of {stream.interval}, not of whole rows")
    stream.used |= tables
    stream.scans += 1
    return _data_end(stream, data, at, samples=stream.rows * stream.columns * count)


def _data_end(stream: _Stream, data: bytes, at: int, *, samples: int) -> int:
    found = (_MARKER_BUT_RESTART if stream.interval else _MARKER).search(data, at)
    if found is None:
        raise Corrupt("the JPEG image is cut off")
    size = found.start() - at
    _require(8 * size >= samples, f"{size} bytes for {samples} samples, each of a bit or more")
    return found.start()
