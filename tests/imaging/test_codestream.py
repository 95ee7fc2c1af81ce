from __future__ import annotations

import contextlib
import struct

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_schemas.errors import Corrupt
from imaging.codestream import read_codestream

GRAY = np.arange(35, dtype=np.uint16).reshape(5, 7)
COLOUR = np.zeros((5, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("data", "components", "precision"),
    [
        (imagecodecs.jpeg8_encode(GRAY.astype(np.uint8)), 1, 8),
        (imagecodecs.jpeg8_encode(COLOUR), 3, 8),
        (imagecodecs.jpeg8_encode(GRAY, bitspersample=12), 1, 12),
        (imagecodecs.ljpeg_encode(GRAY, bitspersample=14), 1, 14),
        (imagecodecs.jpegls_encode(GRAY), 1, 16),
        (imagecodecs.jpegls_encode(COLOUR), 3, 8),
        (imagecodecs.jpeg2k_encode(GRAY, level=0, codecformat="j2k"), 1, 16),
        (imagecodecs.jpeg2k_encode(COLOUR, level=0, codecformat="jp2"), 3, 8),
        (imagecodecs.png_encode(GRAY), 1, 16),
        (imagecodecs.png_encode(COLOUR), 3, 8),
    ],
    ids=["jpeg", "jpeg-rgb", "jpeg-12", "lossless-14", "jls", "jls-rgb", "j2k", "jp2-rgb", "png-16", "png-rgb"],
)
def test_the_header_gives_shape_and_precision(data: bytes, components: int, precision: int) -> None:
    found = read_codestream(data)
    assert (found.rows, found.columns, found.components, found.precision) == (5, 7, components, precision)


def test_jpeg_2000_says_whether_it_is_signed() -> None:
    signed, unsigned = (imagecodecs.jpeg2k_encode(GRAY.astype(kind), level=0) for kind in (np.int16, np.uint16))
    assert read_codestream(signed).signed
    assert not read_codestream(unsigned).signed


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def jpeg(*segments: bytes, ids: bytes = b"\1\2\3", frame: int = 0xC0) -> bytes:
    components = b"".join(bytes([name, 0x11, 0]) for name in ids)
    return (
        b"\xff\xd8"
        + b"".join(segments)
        + segment(frame, struct.pack(">BHHB", 8, 5, 7, len(ids)) + components)
        + b"\xff\xd9"
    )


@pytest.mark.parametrize(
    ("data", "is_ycbcr", "is_rgb"),
    [
        (jpeg(), False, False),
        (jpeg(segment(0xE0, b"JFIF\0\1\1")), True, False),
        (jpeg(segment(0xEE, b"Adobe\0\0\0\0\0\0\1")), True, False),
        (jpeg(segment(0xEE, b"Adobe\0\0\0\0\0\0\0")), False, False),
        (jpeg(segment(0xE0, b"JFIF\0\1\1"), segment(0xEE, b"Adobe\0\0\0\0\0\0\0")), False, False),
        (jpeg(ids=b"RGB"), False, True),
    ],
    ids=["plain", "jfif", "adobe-1", "adobe-0", "jfif-and-adobe-0", "named-rgb"],
)
def test_the_stream_names_its_colours(data: bytes, is_ycbcr: bool, is_rgb: bool) -> None:
    found = read_codestream(data)
    assert (found.is_ycbcr, found.is_rgb) == (is_ycbcr, is_rgb)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("bits", [8, 12])
def test_a_jpeg_without_its_end_is_corrupt_though_decoders_fill_it_in(share: float, bits: int) -> None:
    noise = np.random.default_rng(1).integers(0, 2**bits, (64, 64), dtype=np.uint8 if bits == 8 else np.uint16)
    data = imagecodecs.jpeg8_encode(noise, bitspersample=bits)
    cut = data[: int(share * len(data))]
    assert imagecodecs.jpeg8_decode(cut).shape == (64, 64)
    with pytest.raises(Corrupt, match="cut off"):
        read_codestream(cut)


def test_lossless_jpeg_is_told_by_its_frame_marker() -> None:
    assert read_codestream(imagecodecs.ljpeg_encode(GRAY, bitspersample=16)).lossless_jpeg
    assert not read_codestream(jpeg(frame=0xC1)).lossless_jpeg


@given(st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\xff\x4f\xff\x51"]), st.binary(max_size=64))
def test_random_headers_are_corrupt_or_read(start: bytes, rest: bytes) -> None:
    with contextlib.suppress(Corrupt):
        assert read_codestream(start + rest).precision <= 255
