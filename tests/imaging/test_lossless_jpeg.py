from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from data_schemas.errors import Corrupt, Unsupported
from imaging.decoders import decode_frame
from imaging.dicom_file import read_dataset
from imaging.lossless_jpeg import check_lossless_jpeg

ROWS, COLUMNS = 24, 40
GENERATOR = np.random.default_rng(1)
GRAY = GENERATOR.integers(0, 256, (ROWS, COLUMNS), dtype=np.uint8)
RGB = GENERATOR.integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)
ENCODED = imagecodecs.jpeg8_encode(GRAY, lossless=True)
START = ENCODED.index(b"\xff\xda") + 10
DATA = ENCODED[START:-2]
"""Entropy-coded data of GRAY, after a scan header of ten bytes and before EOI."""
TABLE = ENCODED[ENCODED.index(b"\xff\xc4") : START - 10][4:]
"""The one Huffman table: its number 0, sixteen counts, the symbols."""
SYNTAX = "1.2.840.10008.1.2.4.70"


def segment(marker: int, payload: bytes, length: int | None = None) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2 if length is None else length) + payload


def frame(
    *, precision: int = 8, rows: int = ROWS, columns: int = COLUMNS, names: bytes = b"\1", sampling: int = 0x11
) -> bytes:
    components = b"".join(bytes([name, sampling, 0]) for name in names)
    return struct.pack(">BHHB", precision, rows, columns, len(names)) + components


def scan(names: bytes = b"\1", *, table: int = 0, predictor: int = 1, end: int = 0, transform: int = 0) -> bytes:
    return (
        bytes([len(names)]) + b"".join(bytes([name, table << 4]) for name in names) + bytes([predictor, end, transform])
    )


def tree(lengths: list[int], number: int = 0, largest: int = 0) -> bytes:
    """A Huffman table with codes of these lengths in bits, whose symbols are 0 but for the largest."""
    counts = bytes(lengths.count(length) for length in range(1, 17))
    return bytes([number]) + counts + bytes([largest] + [0] * (len(lengths) - 1))


def image(*segments: bytes, data: bytes = DATA) -> bytes:
    return b"\xff\xd8" + b"".join(segments) + data + b"\xff\xd9"


SOF, DHT, SOS, EOI = segment(0xC3, frame()), segment(0xC4, TABLE), segment(0xDA, scan()), b"\xff\xd9"
RESTARTS = segment(0xDD, struct.pack(">H", COLUMNS))


@pytest.mark.parametrize(
    "data",
    [
        image(SOF, DHT, SOS),
        image(DHT, SOF, SOS),
        image(segment(0xE0, b"JFIF\0"), segment(0xFE, b"words"), SOF, DHT, SOS),
        image(SOF, b"\xff\xff" + DHT, SOS),
        image(SOF, DHT, SOS) + b"\0",
        image(SOF, segment(0xC4, TABLE + b"\1" + TABLE[1:]), SOS),
    ],
    ids=["plain", "table-first", "jfif", "fill-bytes", "padded", "two-tables-a-segment"],
)
def test_what_the_standard_allows_is_decoded_exactly(dicom: Callable[..., bytes], data: bytes) -> None:
    assert check_lossless_jpeg(data)
    found = decode_frame(read_dataset(dicom(GRAY, syntax=SYNTAX, frames=[data + b"\0" * (len(data) % 2)])))
    np.testing.assert_array_equal(found, GRAY)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (image(segment(0xC3, frame(), 16), DHT, SOS), "frame header of 14 bytes for 1 components"),
        (image(segment(0xC3, frame(names=b"\1\2")), DHT, SOS), "2 components"),
        (image(segment(0xC3, frame(names=b"")), DHT, SOS), "0 components"),
        (image(segment(0xC3, frame(names=b"\1\2\1")), DHT, SOS), "two components of one name"),
        (image(segment(0xC3, frame(precision=1)), DHT, SOS), "1 bits"),
        (image(segment(0xC3, frame(precision=17)), DHT, SOS), "17 bits"),
        (image(segment(0xC3, frame(rows=0)), DHT, SOS), "0 rows"),
        (image(segment(0xC3, frame(columns=0)), DHT, SOS), "24 rows of 0"),
        (image(segment(0xC3, frame(sampling=0x51)), DHT, SOS), "sampling factors 51"),
        (image(segment(0xC3, frame(sampling=0x21, names=b"\1\2\3")), DHT, SOS), "sampling factors 21"),
        (image(SOF, SOF, DHT, SOS), "two frame headers"),
        (image(SOF, segment(0xC4, TABLE[:-1]), SOS), "Huffman table that is cut off"),
        (image(SOF, segment(0xC4, TABLE[:9]), SOS), "Huffman table that is cut off"),
        (image(SOF, segment(0xC4, tree([])), SOS), "table of 0 codes"),
        (image(SOF, segment(0xC4, tree([5] * 18)), SOS), "table of 18 codes"),
        (image(SOF, segment(0xC4, tree([1, 1, 2])), SOS), "more codes than there are"),
        (image(SOF, segment(0xC4, tree([1], largest=17)), SOS), "difference of 17 bits"),
        (image(SOF, segment(0xC4, tree([1], number=4)), SOS), "table 04"),
        (image(SOF, segment(0xC4, tree([1], number=0x10)), SOS), "table 10"),
        (image(SOF, SOS), r"tables \[0\] are not defined"),
        (image(SOF, DHT, segment(0xDA, scan(table=1))), r"tables \[1\] are not defined"),
        (image(SOF, DHT, segment(0xDA, scan(), 10)), "scan header of 8 bytes for 1 components"),
        (image(SOF, DHT, segment(0xDA, scan(b"\2"))), "components that the frame has not"),
        (image(SOF, DHT, segment(0xDA, scan(b"\1\1"))), "components that the frame has not"),
        (image(SOF, DHT, segment(0xDA, scan(b""))), "components that the frame has not"),
        (image(SOF, DHT, SOS, data=DATA + SOS + DATA), "components that the frame has not"),
        (image(DHT, SOS, SOF), "a scan before the frame header"),
        (image(SOF, DHT, segment(0xDA, scan(predictor=0))), "predictor 0"),
        (image(SOF, DHT, segment(0xDA, scan(predictor=8))), "predictor 8"),
        (image(SOF, DHT, segment(0xDA, scan(end=63))), "predictor 1 to 63"),
        (image(SOF, DHT, segment(0xDA, scan(transform=8))), "point transform 08"),
        (image(SOF, DHT, segment(0xDA, scan(transform=0x10))), "point transform 10"),
        (image(SOF, DHT, segment(0xDD, b"\0"), SOS), "restart interval of 1 bytes"),
        (image(SOF, DHT, segment(0xDD, b"\0\x29"), SOS), "restart interval of 41"),
        (image(SOF, DHT, SOS, data=DATA[:5] + b"\xff\xd0" + DATA[5:]), "5 bytes for 960 samples"),
        (image(SOF, DHT, SOS, data=DATA + b"\xff\xd0\0\2"), "marker FFD0"),
        (image(SOF, DHT, SOS, data=DATA + segment(0xDC, b"\0\x18")), "marker FFDC"),
        (image(SOF, DHT, SOS, data=DATA + segment(0xC4, tree([1, 1, 2]))), "more codes than there are"),
        (image(segment(0xC0, frame()), SOF, DHT, SOS), "marker FFC0"),
        (image(SOF, DHT, SOS, data=b"\0" * 119), "119 bytes for 960 samples"),
        (image(SOF, DHT, SOS)[:-2], "cut off"),
        (image(SOF, DHT, SOS[:2] + b"\0\0" + SOS[4:]), "segment of 0 bytes"),
        (image(SOF, DHT, data=b""), "component without a scan"),
        (image(SOF, b"\0", DHT, SOS), "marker is missing"),
        (image(segment(0xC3, frame(names=b"\1\2\3")), DHT, SOS), "component without a scan"),
    ],
)
def test_what_the_standard_forbids_is_corrupt(data: bytes, message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        check_lossless_jpeg(data)


def test_data_of_a_bit_a_sample_are_long_enough() -> None:
    # 24 x 40 samples of one bit each are 120 bytes; the table's only code is a 0 of one bit for the difference 0.
    data = image(SOF, segment(0xC4, tree([1])), SOS, data=b"\0" * 120)
    assert check_lossless_jpeg(data)
    assert set(imagecodecs.jpeg8_decode(data).ravel().tolist()) == {128}  # 2 ** (8 - 1), the first prediction (H.1.2.1)


def test_a_wrong_frame_length_is_refused_before_a_decoder_follows_it(dicom: Callable[..., bytes]) -> None:
    at = ENCODED.index(b"\xff\xc3")
    broken = ENCODED[: at + 2] + struct.pack(">H", 16) + ENCODED[at + 4 :]
    dataset = read_dataset(dicom(GRAY, syntax=SYNTAX, frames=[broken + b"\0" * (len(broken) % 2)]))
    with pytest.raises(Corrupt, match="frame header"):
        decode_frame(dataset)


def scans_of_one_component(*, table: int = 0) -> bytes:
    """RGB with one scan for each component, each after a table of its own."""
    parts = []
    for index in range(3):
        plane = imagecodecs.jpeg8_encode(np.ascontiguousarray(RGB[..., index]), lossless=True)
        huffman, start = plane.index(b"\xff\xc4"), plane.index(b"\xff\xda")
        parts.append(segment(0xC4, bytes([table]) + plane[huffman + 5 : start]))
        parts.append(segment(0xDA, scan(bytes([index + 1]), table=table)) + plane[start + 10 : -2])
    return image(segment(0xC3, frame(names=b"\1\2\3")), *parts, data=b"")


def test_a_scan_for_each_colour_is_decoded_exactly(dicom: Callable[..., bytes]) -> None:
    data = scans_of_one_component()
    found = decode_frame(read_dataset(dicom(RGB, syntax=SYNTAX, frames=[data + b"\0" * (len(data) % 2)])))
    np.testing.assert_array_equal(found, RGB)


@pytest.mark.parametrize("table", [1, 2, 3])
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_another_huffman_table_than_the_first_is_decoded_exactly(
    dicom: Callable[..., bytes], pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], table: int
) -> None:
    data = bytearray(imagecodecs.jpeg8_encode(pixels, lossless=True))
    start = data.index(b"\xff\xda")
    data[data.index(b"\xff\xc4") + 4] = table
    for component in range(data[start + 4]):
        data[start + 6 + 2 * component] = table << 4
    assert not check_lossless_jpeg(bytes(data))
    frames = [bytes(data) + b"\0" * (len(data) % 2)]
    np.testing.assert_array_equal(decode_frame(read_dataset(dicom(pixels, syntax=SYNTAX, frames=frames))), pixels)


@pytest.mark.parametrize(
    "data",
    [
        scans_of_one_component(table=1),
        image(SOF, segment(0xC4, b"\1" + TABLE[1:]), RESTARTS, segment(0xDA, scan(table=1))),
    ],
    ids=["scans", "restarts"],
)
def test_what_no_decoder_reads_is_unsupported(data: bytes) -> None:
    with pytest.raises(Unsupported, match=r"Huffman tables \[1\]"):
        check_lossless_jpeg(data)


@pytest.mark.parametrize("syntax", ["4.70", "4.51", "4.80", "4.90"])
def test_mutated_headers_are_decoded_or_refused_and_end_no_process(syntax: str) -> None:
    command = [sys.executable, str(Path(__file__).with_name("mutated_images.py")), syntax, "300"]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    found = json.loads(child.stdout)
    assert found["decoded"] + found["refused"] == 300
    assert min(found.values()) > 0
