from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset

from data_schemas.errors import Corrupt
from imaging.source import open_source
from imaging.viewing import ViewerWindow, encode_picture, picture, thumbnail, viewer_format, viewer_samples

PIXELS = np.array([[0, 10, 20], [30, 40, 4000]], np.uint16)
TWELVE_BITS = {"BitsStored": 12, "HighBit": 11}


def viewed(data: bytes, frame: int = 1) -> tuple[Any, Any]:
    """Returns a file's format and the samples of a frame."""
    source = open_source(data)
    image = source.frame(frame)
    how = viewer_format(source, image)
    return how, viewer_samples(image, how)


def values(how: Any, samples: Any) -> Any:
    return samples.astype(float) * how.slope + how.intercept


def test_unsigned_values_are_as_they_are_stored(dicom: Any) -> None:
    how, samples = viewed(dicom(PIXELS, **TWELVE_BITS, WindowCenter="100", WindowWidth="50"))
    assert (how.rows, how.columns, how.frames, how.dtype, how.samples) == (2, 3, 1, "uint16", 1)
    assert (how.slope, how.intercept, how.unit, how.inverted) == (1.0, 0.0, "", False)
    assert how.windows == (ViewerWindow(100.0, 50.0),)
    np.testing.assert_array_equal(samples, PIXELS)


def test_signed_ct_is_moved_and_its_values_are_hounsfield_units(dicom: Any) -> None:
    stored = np.array([[-1000, 0], [40, 1023]], np.int16)
    header = {"Modality": "CT", "PixelRepresentation": 1, "RescaleSlope": "1", "RescaleIntercept": "-24", **TWELVE_BITS}
    how, samples = viewed(dicom(stored, **header))
    assert how.unit == "HU"
    np.testing.assert_array_equal(samples, stored.astype(int) + 2048)
    np.testing.assert_array_equal(values(how, samples), stored.astype(float) - 24)


def test_a_rescale_slope_is_left_to_the_viewer(dicom: Any) -> None:
    how, samples = viewed(dicom(PIXELS, **TWELVE_BITS, RescaleSlope="2.5", RescaleIntercept="100"))
    np.testing.assert_array_equal(samples, PIXELS)
    np.testing.assert_allclose(values(how, samples), PIXELS * 2.5 + 100)


def test_without_a_window_the_images_own_range_is_one_and_padding_has_no_part_in_it(dicom: Any) -> None:
    how, _ = viewed(dicom(PIXELS, **TWELVE_BITS, PixelPaddingValue=4000))
    assert how.windows == (ViewerWindow(20.0, 40.0),)


def test_eight_bits_are_shown_whole_and_sent_as_bytes(dicom: Any) -> None:
    how, samples = viewed(dicom(np.array([[7, 200]], np.uint8)))
    assert (how.dtype, how.windows) == ("uint8", (ViewerWindow(127.5, 255.0),))
    assert samples.dtype == np.uint8


def test_values_of_32_bits_are_spread_over_16(dicom: Any) -> None:
    stored = np.array([[0, 1_000_000], [500_000, 250_000]], np.uint32)
    how, samples = viewed(dicom(stored, BitsAllocated=32, BitsStored=32, HighBit=31))
    assert how.dtype == "uint16"
    np.testing.assert_allclose(values(how, samples), stored, atol=1_000_000 / 65_535)


def test_a_modality_lut_is_applied_since_no_slope_says_it(dicom: Any) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [4, 0, 16], "US"
    table["LUTDescriptor"].VR = "US"
    table.add_new("LUTData", "OW", struct.pack("<4H", 0, 10, 500, 900))
    how, samples = viewed(dicom(np.array([[0, 1], [2, 3]], np.uint16), ModalityLUTSequence=[table]))
    np.testing.assert_allclose(values(how, samples), [[0, 10], [500, 900]], atol=900 / 65_535)


def test_colour_is_rgb_of_8_bits_and_needs_no_window(dicom: Any) -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    how, samples = viewed(dicom(red))
    assert (how.dtype, how.samples) == ("uint8", 3)
    np.testing.assert_array_equal(samples, red)


def test_monochrome1_is_told_and_not_turned(dicom: Any) -> None:
    how, samples = viewed(dicom(PIXELS, **TWELVE_BITS, PhotometricInterpretation="MONOCHROME1"))
    assert how.inverted
    np.testing.assert_array_equal(samples, PIXELS)


def test_pixel_spacing_is_told_in_millimetres(dicom: Any) -> None:
    how, _ = viewed(dicom(PIXELS, **TWELVE_BITS, PixelSpacing=["0.5", "0.25"]))
    assert (how.spacing_mm, how.aspect) == ((0.5, 0.25), 2.0)


def test_each_frame_is_its_own(dicom: Any) -> None:
    frames = np.stack([PIXELS, PIXELS + 1])
    data = dicom(frames[0], **TWELVE_BITS, NumberOfFrames=2, PixelData=frames.tobytes())
    how, second = viewed(data, 2)
    assert how.frames == 2
    np.testing.assert_array_equal(second, PIXELS + 1)
    with pytest.raises(Corrupt):
        open_source(data).frame(3)


def test_a_picture_is_what_the_files_window_shows(dicom: Any) -> None:
    image = open_source(dicom(PIXELS, **TWELVE_BITS, WindowCenter="20.5", WindowWidth="41")).frame(1)
    # LINEAR with width w is 0 at center - 0.5 - (w - 1) / 2 = 0 and 1 at 40.
    np.testing.assert_array_equal(picture(image), [[0, 64, 128], [191, 255, 255]])
    np.testing.assert_array_equal(picture(image, invert=True), [[255, 191, 127], [64, 0, 0]])


def test_a_picture_is_what_a_given_window_shows(dicom: Any) -> None:
    image = open_source(dicom(PIXELS, **TWELVE_BITS, PhotometricInterpretation="MONOCHROME1")).frame(1)
    np.testing.assert_array_equal(picture(image, window=(20.5, 41.0)), [[255, 191, 128], [64, 0, 0]])


def test_a_thumbnail_has_square_pixels_and_no_long_side(dicom: Any) -> None:
    image = open_source(dicom(np.zeros((100, 1000), np.uint16), PixelSpacing=["2", "1"])).frame(1)
    assert thumbnail(image).shape == (51, 256)


def test_a_picture_in_colour_keeps_its_colours_as_png(dicom: Any) -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    shown = cv2.imdecode(np.frombuffer(encode_picture(picture(open_source(dicom(red)).frame(1))), np.uint8), 1)
    np.testing.assert_array_equal(shown[..., ::-1], red)
