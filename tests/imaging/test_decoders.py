from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.pixels.encoders import RLELosslessEncoder

from data_schemas.errors import Corrupt, ImageRejected, NoPixels, Unsupported
from imaging.decoders import DECODERS, decode_frame, decode_frames
from imaging.dicom_file import read_dataset

Maker = Callable[..., bytes]
GENERATOR = np.random.default_rng(1)
U8 = GENERATOR.integers(0, 256, (24, 40), dtype=np.uint8)
U12 = GENERATOR.integers(0, 4096, (24, 40), dtype=np.uint16)
U16 = GENERATOR.integers(0, 65536, (24, 40), dtype=np.uint16)
I16 = GENERATOR.integers(-32768, 32768, (24, 40)).astype(np.int16)
RGB = GENERATOR.integers(0, 256, (24, 40, 3), dtype=np.uint8)
SMOOTH = np.linspace(0, 250, 24 * 40).reshape(24, 40)
"""Compresses with little loss."""


def _rle(image: NDArray[Any]) -> bytes:
    return RLELosslessEncoder.encode(
        image,
        rows=image.shape[0],
        columns=image.shape[1],
        samples_per_pixel=image.shape[2] if image.ndim == 3 else 1,
        number_of_frames=1,
        bits_allocated=8 * image.dtype.itemsize,
        bits_stored=8 * image.dtype.itemsize,
        pixel_representation=int(image.dtype.kind == "i"),
        photometric_interpretation="RGB" if image.ndim == 3 else "MONOCHROME2",
        planar_configuration=0,
        encoding_plugin="pydicom",
    )


def _deflated(image: NDArray[Any]) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(image.tobytes()) + deflater.flush()


J2K = {"level": 0, "codecformat": "j2k", "reversible": True}
LOSSLESS: list[tuple[str, str, NDArray[Any], Callable[[NDArray[Any]], bytes]]] = [
    ("lossless-57", "4.57", U16, lambda image: imagecodecs.ljpeg_encode(image, bitspersample=16)),
    ("lossless-70", "4.70", U16, lambda image: imagecodecs.ljpeg_encode(image, bitspersample=16)),
    (
        "lossless-70-signed",
        "4.70",
        I16,
        lambda image: imagecodecs.ljpeg_encode(image.view(np.uint16), bitspersample=16),
    ),
    ("jls-8", "4.80", U8, imagecodecs.jpegls_encode),
    ("jls-16", "4.80", U16, imagecodecs.jpegls_encode),
    ("jls-signed", "4.80", I16, lambda image: imagecodecs.jpegls_encode(image.view(np.uint16))),
    ("jls-rgb", "4.80", RGB, imagecodecs.jpegls_encode),
    ("j2k-8", "4.90", U8, lambda image: imagecodecs.jpeg2k_encode(image, **J2K)),
    ("j2k-16", "4.90", U16, lambda image: imagecodecs.jpeg2k_encode(image, **J2K)),
    ("j2k-signed", "4.90", I16, lambda image: imagecodecs.jpeg2k_encode(image, **J2K)),
    ("j2k-signed-as-unsigned", "4.90", I16, lambda image: imagecodecs.jpeg2k_encode(image.view(np.uint16), **J2K)),
    ("j2k-unsigned-as-signed", "4.90", U16, lambda image: imagecodecs.jpeg2k_encode(image.view(np.int16), **J2K)),
    ("j2k-rgb", "4.91", RGB, lambda image: imagecodecs.jpeg2k_encode(image, **J2K)),
    ("j2k-part-2", "4.92", U16, lambda image: imagecodecs.jpeg2k_encode(image, **J2K)),
    ("jxl-8", "4.110", U8, lambda image: imagecodecs.jpegxl_encode(image, lossless=True)),
    ("jxl-16", "4.112", U16, lambda image: imagecodecs.jpegxl_encode(image, lossless=True)),
    ("jxl-rgb", "4.112", RGB, lambda image: imagecodecs.jpegxl_encode(image, lossless=True)),
    ("rle-8", "5", U8, _rle),
    ("rle-16", "5", U16, _rle),
    ("rle-signed", "5", I16, _rle),
    ("rle-rgb", "5", RGB, _rle),
    ("deflated-16", "8.1", U16, _deflated),
    ("deflated-rgb", "8.1", RGB, _deflated),
]


def syntax(end: str) -> str:
    return f"1.2.840.10008.1.2.{end}"


@pytest.mark.parametrize(("end", "image", "encode"), [row[1:] for row in LOSSLESS], ids=[row[0] for row in LOSSLESS])
def test_lossless_syntaxes_give_back_what_was_encoded(
    dicom: Maker, end: str, image: NDArray[Any], encode: Callable[[NDArray[Any]], bytes]
) -> None:
    found = decode_frame(read_dataset(dicom(image, syntax=syntax(end), frames=[encode(image)])))
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", syntax("1"), syntax("1.99"), syntax("2")])
@pytest.mark.parametrize("image", [U8, U16, I16, RGB], ids=["u8", "u16", "i16", "rgb"])
def test_native_syntaxes_give_back_what_was_written(dicom: Maker, uid: str, image: NDArray[Any]) -> None:
    found = decode_frame(read_dataset(dicom(image, syntax=uid)))
    assert found.dtype == image.dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize(("end", "level"), [("4.50", 98), ("4.51", 98), ("4.53", 98), ("4.55", 98)])
def test_8_bit_jpeg_is_within_the_loss_of_its_quality(dicom: Maker, end: str, level: int) -> None:
    image = SMOOTH.astype(np.uint8)
    data = dicom(image, syntax=syntax(end), frames=[imagecodecs.jpeg8_encode(image, level=level)])
    np.testing.assert_allclose(decode_frame(read_dataset(data)).astype(int), image, atol=3)


@pytest.mark.parametrize("end", ["4.51", "4.55"])
def test_12_bit_jpeg_is_within_the_loss_of_its_quality(dicom: Maker, end: str) -> None:
    image = (SMOOTH * 16).astype(np.uint16)
    frames = [imagecodecs.jpeg8_encode(image, level=98, bitspersample=12)]
    found = decode_frame(read_dataset(dicom(image, syntax=syntax(end), frames=frames, BitsStored=12, HighBit=11)))
    assert found.dtype == np.uint16
    np.testing.assert_allclose(found.astype(int), image, atol=24)


@pytest.mark.parametrize("stored_as", ["RGB", "YBR_FULL_422"])
def test_jpeg_colours_come_back_as_rgb(dicom: Maker, stored_as: str) -> None:
    image = np.empty((16, 16, 3), np.uint8)
    image[:] = (200, 60, 20)
    inside = "RGB" if stored_as == "RGB" else "YCBCR"
    frame = imagecodecs.jpeg8_encode(image, level=98, colorspace="RGB", outcolorspace=inside)
    data = dicom(image, syntax=syntax("4.50"), frames=[frame], PhotometricInterpretation=stored_as)
    np.testing.assert_allclose(decode_frame(read_dataset(data)).astype(int), image, atol=3)


def test_native_ybr_comes_back_as_rgb(dicom: Maker) -> None:
    # PS3.3, C.7.6.3.1.2: pure red is Y = .2990 * 255 = 76, CB = -.1687 * 255 + 128 = 85, CR = .5 * 255 + 128 = 255.
    image = np.full((2, 2, 3), (76, 85, 255), np.uint8)
    found = decode_frame(read_dataset(dicom(image, PhotometricInterpretation="YBR_FULL")))
    np.testing.assert_allclose(found.astype(int), np.broadcast_to((255, 0, 0), (2, 2, 3)), atol=2)


def test_unused_high_bits_are_dropped(dicom: Maker) -> None:
    image = np.array([[0xF123, 0x0FFF]], np.uint16)
    found = decode_frame(read_dataset(dicom(image, BitsStored=12, HighBit=11)))
    assert found.tolist() == [[0x123, 0xFFF]]


def test_13_bit_signed_values_in_an_unsigned_codestream_get_their_sign(dicom: Maker) -> None:
    # 6192 is -2000 in 13 bits: 8192 - 2000.
    image = np.full((8, 8), 6192, np.uint16)
    frame = imagecodecs.jpeg2k_encode(image, bitspersample=13, **J2K)
    data = dicom(image.view(np.int16), syntax=syntax("4.90"), frames=[frame], BitsStored=13, HighBit=12)
    assert set(decode_frame(read_dataset(data)).ravel().tolist()) == {-2000}


def test_one_bit_pixels_are_unpacked_lowest_bit_first(dicom: Maker) -> None:
    # PS3.5, D.1: the first pixel is the least significant bit of the first byte.
    data = dicom(np.zeros((2, 8), np.uint8), BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=b"\x01\x80")
    assert decode_frame(read_dataset(data)).tolist() == [[1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]]


def test_float_pixels_are_read(dicom: Maker) -> None:
    image = np.array([[0.5, -1.25]], np.float32)
    dataset = read_dataset(dicom(np.zeros((1, 2), np.uint32)))
    del dataset.PixelData
    dataset.FloatPixelData = image.tobytes()
    found = decode_frame(dataset)
    assert found.dtype == np.float32
    assert found.tolist() == image.tolist()


def test_each_frame_is_found_by_its_number(dicom: Maker) -> None:
    frames = [imagecodecs.jpegls_encode(np.full((4, 4), number, np.uint8)) for number in (7, 8, 9)]
    dataset = read_dataset(dicom(np.zeros((4, 4), np.uint8), syntax=syntax("4.80"), frames=frames, NumberOfFrames=3))
    assert [decode_frame(dataset, index).max() for index in range(3)] == [7, 8, 9]
    assert [frame.max() for frame in decode_frames(dataset)] == [7, 8, 9]
    with pytest.raises(Corrupt, match="frame 3 of 3"):
        decode_frame(dataset, 3)


def test_frames_that_are_missing_are_noticed(dicom: Maker) -> None:
    frames = [imagecodecs.jpegls_encode(np.zeros((4, 4), np.uint8))] * 2
    dataset = read_dataset(dicom(np.zeros((4, 4), np.uint8), syntax=syntax("4.80"), frames=frames, NumberOfFrames=3))
    with pytest.raises(Corrupt):
        list(decode_frames(dataset))


@pytest.mark.parametrize(
    ("elements", "error"),
    [
        ({"Rows": 0}, Corrupt),
        ({"Rows": 65_535, "Columns": 65_535}, Unsupported),
        ({"NumberOfFrames": -1}, Corrupt),
        ({"NumberOfFrames": 1_000_000}, Unsupported),
        ({"SamplesPerPixel": 4}, Unsupported),
        ({"BitsAllocated": 12}, Unsupported),
        ({"BitsStored": 17}, Corrupt),
        ({"PixelData": b"\0\0"}, Corrupt),
        ({"PixelData": b""}, NoPixels),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_header_that_asks_for_the_impossible_is_rejected(
    dicom: Maker, elements: dict[str, Any], error: type[ImageRejected]
) -> None:
    with pytest.raises(error):
        decode_frame(read_dataset(dicom(U16, **elements)))


def test_a_codestream_larger_than_the_header_is_never_decoded(dicom: Maker) -> None:
    frame = imagecodecs.jpegls_encode(np.zeros((64, 64), np.uint8))
    with pytest.raises(Corrupt, match=r"\(64, 64, 1\), the header says \(4, 4, 1\)"):
        decode_frame(read_dataset(dicom(np.zeros((4, 4), np.uint8), syntax=syntax("4.80"), frames=[frame])))


def test_a_codestream_with_more_bits_than_allocated_is_rejected(dicom: Maker) -> None:
    with pytest.raises(Corrupt, match="16 bits, the header allocates 8"):
        decode_frame(read_dataset(dicom(U8, syntax=syntax("4.80"), frames=[imagecodecs.jpegls_encode(U16)])))


@pytest.mark.parametrize("short", [True, False])
def test_rle_and_deflate_of_another_length_are_rejected(dicom: Maker, short: bool) -> None:
    other = U16[:12] if short else np.vstack([U16, U16])
    for end, encode in (("5", _rle), ("8.1", _deflated)):
        dataset = read_dataset(dicom(U16, syntax=syntax(end), frames=[encode(other)]))
        if end == "8.1" and not short:
            continue  # what follows the frame is never inflated
        with pytest.raises(Corrupt):
            decode_frame(dataset)


def test_a_jpeg_xl_of_another_size_is_rejected(dicom: Maker) -> None:
    for other in (U8[:12], np.vstack([U8, U8])):
        dataset = read_dataset(
            dicom(U8, syntax=syntax("4.110"), frames=[imagecodecs.jpegxl_encode(other, lossless=True)])
        )
        with pytest.raises(Corrupt):
            decode_frame(dataset)


@pytest.mark.parametrize("uid", [syntax("4.100"), syntax("4.94"), "1.2.3.4.5"])
def test_other_transfer_syntaxes_are_unsupported(dicom: Maker, uid: str) -> None:
    dataset = read_dataset(dicom(U8))
    dataset.file_meta.TransferSyntaxUID = uid
    with pytest.raises(Unsupported, match="transfer syntax"):
        decode_frame(dataset)


def test_pydicoms_own_samples_decode_as_pydicom_decodes_them() -> None:
    names = [
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_rle_16bit_2frame.dcm",
        "image_dfl.dcm",
    ]
    names += ["SC_rgb_small_odd.dcm", "SC_rgb_gdcm_KY.dcm", "rtdose_1frame.dcm"]
    compared = 0
    for name in names:
        path = get_testdata_file(name, download=False)
        if path is None:
            continue
        expected = pydicom.dcmread(path)
        try:
            array = expected.pixel_array
        except (RuntimeError, NotImplementedError):
            continue  # needs a plug-in that is not here
        first = array[0] if expected.get("NumberOfFrames", 1) > 1 else array
        np.testing.assert_array_equal(decode_frame(read_dataset(Path(path).read_bytes())), first)
        compared += 1
    assert compared >= 4


def test_every_decoder_is_for_a_transfer_syntax_of_the_standard() -> None:
    assert all(uid.startswith("1.2.840.10008.1.2") for uid in DECODERS)


BITS = (GENERATOR.random((13, 11)) < 0.4).astype(np.uint8)
"""143 pixels, which end within a byte."""


def _packed(image: NDArray[Any]) -> bytes:
    return np.packbits(image.ravel(), bitorder="little").tobytes()


def _rle_of_bits(image: NDArray[Any]) -> bytes:
    return np.array([1, 64, *[0] * 14], "<u4").tobytes() + imagecodecs.packbits_encode(_packed(image))


def _deflated_bits(image: NDArray[Any]) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(_packed(image)) + deflater.flush()


@pytest.mark.parametrize(("end", "encode"), [("5", _rle_of_bits), ("8.1", _deflated_bits)], ids=["rle", "deflated"])
def test_compressed_pixels_of_one_bit_are_unpacked_frame_by_frame(
    dicom: Maker, end: str, encode: Callable[[NDArray[Any]], bytes]
) -> None:
    frames = [encode(BITS), encode(1 - BITS)]
    one_bit = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "NumberOfFrames": 2}
    found = list(decode_frames(read_dataset(dicom(BITS, syntax=syntax(end), frames=frames, **one_bit))))
    np.testing.assert_array_equal(found, [BITS, 1 - BITS])


def test_native_pixels_of_one_bit_run_over_the_borders_of_frames(dicom: Maker) -> None:
    """PS3.5, 8.1.1: pixels of one bit are packed over all frames, so that a frame may begin within a byte."""
    data = _packed(np.stack([BITS, 1 - BITS]))
    one_bit = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0, "NumberOfFrames": 2}
    found = list(decode_frames(read_dataset(dicom(BITS, PixelData=data + b"\0" * (len(data) % 2), **one_bit))))
    np.testing.assert_array_equal(found, [BITS, 1 - BITS])


def test_frames_beyond_number_of_frames_are_yielded_when_asked_for(dicom: Maker) -> None:
    frames = [imagecodecs.jpegls_encode(U8), imagecodecs.jpegls_encode(255 - U8)]
    dataset = read_dataset(dicom(U8, syntax=syntax("4.80"), frames=frames, NumberOfFrames=1))
    assert len(list(decode_frames(dataset))) == 1
    np.testing.assert_array_equal(list(decode_frames(dataset, beyond=True)), [U8, 255 - U8])


@pytest.mark.parametrize("frames", [0, None])
def test_no_number_of_frames_is_one_frame(dicom: Maker, frames: int | None) -> None:
    dataset = read_dataset(dicom(U8, NumberOfFrames=frames))
    np.testing.assert_array_equal(list(decode_frames(dataset)), [U8])


def test_bits_above_bits_stored_of_a_lossless_stream_are_dropped(dicom: Maker) -> None:
    dirty = U12 | 0xF000
    streams = {"4.80": imagecodecs.jpegls_encode(dirty), "4.70": imagecodecs.ljpeg_encode(dirty, bitspersample=16)}
    for end, encoded in streams.items():
        data = dicom(dirty, syntax=syntax(end), frames=[encoded], BitsStored=12, HighBit=11)
        np.testing.assert_array_equal(decode_frame(read_dataset(data)), U12)
