from __future__ import annotations

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from data_schemas.errors import Corrupt, Unsupported
from imaging import limits
from imaging.raster import is_raster, read_raster

GRAY8 = np.arange(35, dtype=np.uint8).reshape(5, 7)
GRAY16 = (GRAY8 * 1000.0).astype(np.uint16)
COLOUR = np.stack([GRAY8, GRAY8 + 1, GRAY8 + 2], axis=-1)


@pytest.mark.parametrize("image", [GRAY8, GRAY16, COLOUR], ids=["8", "16", "rgb"])
def test_png_gives_its_pixels(image: np.ndarray) -> None:  # type: ignore[type-arg]
    np.testing.assert_array_equal(read_raster(imagecodecs.png_encode(image)).pixels, image)


def test_transparency_is_dropped() -> None:
    with_alpha = np.dstack([COLOUR, np.full_like(GRAY8, 9)])
    np.testing.assert_array_equal(read_raster(imagecodecs.png_encode(with_alpha)).pixels, COLOUR)


def test_jpeg_gives_its_pixels_within_its_loss() -> None:
    found = read_raster(imagecodecs.jpeg8_encode(GRAY8, level=100)).pixels
    np.testing.assert_allclose(found.astype(int), GRAY8, atol=2)


def test_only_png_and_jpeg_are_rasters() -> None:
    assert is_raster(imagecodecs.png_encode(GRAY8))
    assert is_raster(imagecodecs.jpeg8_encode(GRAY8))
    assert not is_raster(bytes(128) + b"DICM")


@pytest.mark.parametrize("encode", [imagecodecs.png_encode, imagecodecs.jpeg8_encode], ids=["png", "jpeg"])
def test_a_file_cut_in_its_header_is_corrupt(encode: object) -> None:
    with pytest.raises(Corrupt):
        read_raster(encode(GRAY8)[:16])  # type: ignore[operator]


def test_a_png_cut_in_its_pixels_is_corrupt() -> None:
    data = imagecodecs.png_encode(GRAY16)
    with pytest.raises(Corrupt):
        read_raster(data[: len(data) // 2])


def test_a_png_that_claims_a_huge_image_is_refused_before_it_is_decoded() -> None:
    data = bytearray(imagecodecs.png_encode(GRAY8))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    assert limits.MAX_FRAME_SAMPLES < 60_000**2
    with pytest.raises(Unsupported):
        read_raster(bytes(data))


def png(depth: int, colour: int, row: list[int], *extra: tuple[bytes, bytes], width: int) -> bytes:
    """Returns a PNG of one row, written by hand (W3C PNG, 5 and 11)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(bytes([0, *row]))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks)


PALETTE = (b"PLTE", bytes([1, 2, 3, 200, 100, 50]))


@pytest.mark.parametrize(
    ("data", "pixels", "bits"),
    [
        (png(1, 0, [0b01010000], width=4), [0, 255, 0, 255], 8),
        (png(2, 0, [0b00011011], width=4), [0, 85, 170, 255], 8),
        (png(4, 0, [0x05, 0xAF], width=4), [0, 85, 170, 255], 8),
        (png(16, 0, [1, 2, 255, 255], width=2), [258, 65_535], 16),
        (png(16, 4, [1, 2, 0, 0], width=1), [258], 16),
        (png(8, 4, [10, 255, 20, 0], width=2), [10, 20], 8),
        (png(1, 3, [0b01000000], PALETTE, width=2), [[1, 2, 3], [200, 100, 50]], 8),
        (png(8, 3, [1, 0], PALETTE, (b"tRNS", b"\0\x80"), width=2), [[200, 100, 50], [1, 2, 3]], 8),
        (png(16, 2, [1, 2, 3, 4, 5, 6], width=1), [[258, 772, 1286]], 16),
        (png(16, 6, [1, 2, 3, 4, 5, 6, 0, 0], width=1), [[258, 772, 1286]], 16),
    ],
    ids=["1", "2", "4", "16", "16 alpha", "8 alpha", "palette of 1", "palette alpha", "rgb 16", "rgb 16 alpha"],
)
def test_every_kind_of_png(data: bytes, pixels: list[int], bits: int) -> None:
    found = read_raster(data)
    assert (found.pixels.tolist(), found.bits) == ([pixels], bits)


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        (imagecodecs.jpeg8_encode(np.full((8, 8), 1000, np.uint16), bitspersample=12), 12),
        (imagecodecs.ljpeg_encode(np.full((8, 8), 1000, np.uint16), bitspersample=16), 16),
    ],
    ids=["12", "lossless 16"],
)
def test_jpeg_of_more_than_8_bits(data: bytes, bits: int) -> None:
    found = read_raster(data)
    assert (found.bits, found.pixels.dtype) == (bits, np.uint16)
    np.testing.assert_allclose(found.pixels, 1000, atol=2)


def test_a_cmyk_jpeg_is_unsupported() -> None:
    target = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(target, "JPEG")
    with pytest.raises(Unsupported, match="4 samples"):
        read_raster(target.getvalue())
