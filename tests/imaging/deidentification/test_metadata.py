from __future__ import annotations

import contextlib
import gzip
import io
import struct

import cv2
import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from data_schemas.errors import Corrupt, ImageRejected, Unsupported
from imaging.deidentification.metadata import without_metadata
from imaging.nifti import read_nifti
from imaging.raster import read_raster

NAME = b"DOE^JANE"
PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112], found[0x010E] = orientation, NAME.decode()
    return found


def png(orientation: int = 1) -> bytes:
    told = PngImagePlugin.PngInfo()
    told.add_text("Patient", NAME.decode())
    told.add_itxt("Comment", NAME.decode(), zip=True)
    target = io.BytesIO()
    Image.fromarray(PIXELS).save(target, "PNG", pnginfo=told, exif=exif(orientation))
    return target.getvalue()


def jpeg(orientation: int = 1, **options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(PIXELS).save(
        target, "JPEG", exif=exif(orientation), comment=NAME, icc_profile=NAME * 4, quality=95, **options
    )
    return target.getvalue()


@pytest.mark.parametrize("make", [png, jpeg])
@pytest.mark.parametrize("orientation", [1, 6])
def test_names_go_and_pixels_and_their_orientation_stay(make, orientation):
    data = make(orientation)
    assert NAME in data
    kept = without_metadata(data)
    assert NAME not in kept
    np.testing.assert_array_equal(read_raster(kept).pixels, read_raster(data).pixels)
    assert read_raster(kept).pixels.shape == (PIXELS.shape if orientation == 1 else PIXELS.shape[::-1])


def test_another_reader_finds_nothing_but_pixels():
    with Image.open(io.BytesIO(without_metadata(png()))) as image:
        assert not image.info
    with Image.open(io.BytesIO(without_metadata(jpeg()))) as image:
        assert not image.getexif()
        assert not {"comment", "icc_profile", "exif"} & set(image.info)


def test_progressive_jpeg_and_colours_survive():
    target = io.BytesIO()
    colours = np.dstack([PIXELS, PIXELS.T.reshape(6, 8), PIXELS[::-1]])
    Image.fromarray(colours).save(target, "JPEG", progressive=True, comment=NAME, quality=95)
    kept = without_metadata(target.getvalue())
    assert NAME not in kept
    np.testing.assert_array_equal(read_raster(kept).pixels, read_raster(target.getvalue()).pixels)


@pytest.mark.parametrize("make", [png, jpeg])
def test_what_hangs_behind_the_end_goes(make):
    assert NAME not in without_metadata(make() + NAME * 10)


def test_sixteen_bits_survive():
    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000
    kept = without_metadata(cv2.imencode(".png", pixels)[1].tobytes())
    np.testing.assert_array_equal(read_raster(kept).pixels, pixels)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_texts_and_extensions_of_nifti_go(kind, compressed):
    image = kind(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header["descrip"], image.header["aux_file"], image.header["intent_name"] = NAME, NAME, NAME
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", NAME))
    data = image.to_bytes()
    assert data.count(NAME) == 4
    kept = without_metadata(gzip.compress(data) if compressed else data)
    plain = gzip.decompress(kept) if compressed else kept
    assert NAME not in plain
    np.testing.assert_array_equal(read_nifti(kept).slices, read_nifti(data).slices)
    assert not kind.from_bytes(plain).header.extensions


@pytest.mark.parametrize("data", [png()[:-20], jpeg()[:-2], jpeg()[:30]])
def test_a_file_that_ends_within_its_structure_is_refused(data):
    with pytest.raises(Corrupt):
        without_metadata(data)


def test_another_kind_of_file_is_refused():
    with pytest.raises(Unsupported):
        without_metadata(b"DICM")


def test_a_chunk_that_claims_more_than_there_is_does_not_run_away():
    header = struct.pack(">I", 2**31 - 1) + b"tEXt"
    with pytest.raises(Corrupt):
        without_metadata(b"\x89PNG\r\n\x1a\n" + header + NAME)


@given(st.sampled_from([png(), jpeg(), png(6)]), st.data())
def test_broken_files_are_rejected_or_cleaned_and_nothing_else(data, draw):
    broken = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        broken[draw.draw(st.integers(2, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ImageRejected):
        without_metadata(bytes(broken))
