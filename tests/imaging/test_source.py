from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence

from data_schemas.errors import Corrupt, ImageRejected, Unsupported
from imaging.canonical import canonical_image
from imaging.inspection import inspect_file
from imaging.source import SourceHeader, read_frames, read_source

PIXELS = (np.arange(400, dtype=np.uint16) * 10).reshape(20, 20)


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")  # lower case, as some write it
def test_every_header_field_is_read(dicom: Any) -> None:
    data = dicom(
        PIXELS,
        Modality="dx",
        ViewPosition="pa",
        PatientSex="f",
        PatientAge="045Y",
        Manufacturer="Acme  Imaging ",
        PatientID=" P1 ",
        IssuerOfPatientID="HOSPITAL",
        StudyInstanceUID="1.2",
        SOPInstanceUID="1.2.3",
        PresentationIntentType="for processing",
        BitsStored=12,
        HighBit=11,
    )
    assert read_source(data).header == SourceHeader(
        modality="DX",
        view="PA",
        sex="F",
        age_years=45,
        manufacturer="ACME IMAGING",
        patient_id="P1",
        issuer="HOSPITAL",
        study_instance_uid="1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax="1.2.840.10008.1.2.1",
        photometric="MONOCHROME2",
        intent="FOR PROCESSING",
        frames=1,
        bits_stored=12,
    )


def test_without_an_age_the_dates_give_it(dicom: Any) -> None:
    data = dicom(PIXELS, PatientBirthDate="19800101", StudyDate="20200101")
    assert read_source(data).header.age_years == pytest.approx(40)


@pytest.mark.parametrize("elements", [{"PatientSex": "UNKNOWN"}, {"PatientAge": "999Y"}, {"PatientBirthDate": "1980"}])
def test_what_makes_no_sense_is_unknown(dicom: Any, elements: dict[str, str]) -> None:
    header = read_source(dicom(PIXELS, **elements)).header
    assert header.sex == ""
    assert header.age_years is None


def test_a_png_has_pixels_and_no_header() -> None:
    source = read_source(imagecodecs.png_encode(PIXELS))
    np.testing.assert_array_equal(source.pixels, PIXELS)
    assert source.header == SourceHeader(bits_stored=16)
    assert source.presentation.display_ready


@pytest.mark.parametrize("wrap", ["dicom", "png"])
def test_colour_becomes_luma(dicom: Any, wrap: str) -> None:
    # ITU-R BT.601: .299 * 200 + .587 * 100 + .114 * 50 = 124.2
    colour = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    source = read_source(dicom(colour) if wrap == "dicom" else imagecodecs.png_encode(colour))
    assert set(source.pixels.ravel().tolist()) == {124}


def test_a_palette_is_looked_up(dicom: Any) -> None:
    # 0 is black, 1 is (0, 255, 0) in 8 of 16 bits; luma of the second is .587 * 65535 = 38469.
    palette = {f"{colour}PaletteColorLookupTableDescriptor": [2, 0, 16] for colour in ("Red", "Green", "Blue")} | {
        f"{colour}PaletteColorLookupTableData": data
        for colour, data in (("Red", bytes(4)), ("Green", b"\0\0\xff\xff"), ("Blue", bytes(4)))
    }
    data = dicom(np.array([[0, 1]], np.uint8), PhotometricInterpretation="PALETTE COLOR", **palette)
    assert read_source(data).pixels.tolist() == [[0, 38469]]


def test_a_palette_that_is_missing_is_corrupt(dicom: Any) -> None:
    with pytest.raises(Corrupt, match="palette"):
        read_source(dicom(PIXELS, PhotometricInterpretation="PALETTE COLOR"))


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "PALETTE COLOR"])
def test_bits_above_high_bit_are_no_part_of_the_image(dicom: Any, photometric: str) -> None:
    palette = {f"{colour}PaletteColorLookupTableDescriptor": [16, 0, 8] for colour in ("Red", "Green", "Blue")} | {
        f"{colour}PaletteColorLookupTableData": bytes(range(16)) for colour in ("Red", "Green", "Blue")
    }
    dirty = np.array([[0x0F05, 0xF00F]], np.uint16)
    data = dicom(dirty, BitsStored=4, HighBit=3, PhotometricInterpretation=photometric, **palette)
    assert read_source(data).pixels.tolist() == [[5, 15]]


def test_colour_keeps_the_shape_of_its_pixels(dicom: Any) -> None:
    source = read_source(dicom(np.zeros((4, 4, 3), np.uint8), PixelAspectRatio=["2", "1"]))
    assert source.presentation.aspect == 2


RGB = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
YBR = convert_color_space(RGB, "RGB", "YBR_FULL")


@pytest.mark.parametrize(
    "elements",
    [
        {"PlanarConfiguration": 1, "PixelData": RGB.transpose(2, 0, 1).tobytes()},
        {"PhotometricInterpretation": "YBR_FULL", "PixelData": YBR.tobytes()},
        {
            "PhotometricInterpretation": "YBR_FULL",
            "PlanarConfiguration": 1,
            "PixelData": YBR.transpose(2, 0, 1).tobytes(),
        },
    ],
    ids=["planes", "YBR", "YBR in planes"],
)
def test_colour_in_planes_or_as_ybr_has_the_same_luma(dicom: Any, elements: dict[str, Any]) -> None:
    expected = RGB @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(read_source(dicom(RGB, **elements)).pixels, expected, atol=1.5)


@pytest.mark.parametrize("photometric", ["HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
def test_colours_that_are_retired_are_refused_rather_than_taken_for_rgb(dicom: Any, photometric: str) -> None:
    with pytest.raises(Unsupported, match=photometric):
        read_source(dicom(RGB, PhotometricInterpretation=photometric))


def test_signed_colour_is_unsupported(dicom: Any) -> None:
    with pytest.raises(Unsupported, match="int16"):
        read_source(dicom(np.zeros((2, 2, 3), np.int16)))


def test_the_first_or_the_middle_frame_is_read(dicom: Any) -> None:
    frames = np.arange(5, dtype=np.uint8).repeat(16)
    data = dicom(np.zeros((4, 4), np.uint8), NumberOfFrames=5, PixelData=frames.tobytes())
    assert read_source(data).pixels.max() == 0
    middle = read_source(data, frame="middle")
    assert (middle.pixels.max(), middle.frame) == (2, 3)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80"])
def test_every_frame_is_read_in_order(dicom: Any, syntax: str) -> None:
    frames = [np.full((4, 4), number, np.uint8) for number in range(3)]
    encoded = [imagecodecs.jpegls_encode(frame) for frame in frames] if syntax.endswith("80") else None
    native = {} if encoded else {"PixelData": np.stack(frames).tobytes()}
    data = dicom(frames[0], syntax=syntax, frames=encoded, NumberOfFrames=3, **native)
    assert [(one.frame, one.pixels.max()) for one in read_frames(data, policy="every")] == [(1, 0), (2, 1), (3, 2)]


def test_frames_are_shown_by_their_own_groups(dicom: Any) -> None:
    groups = Sequence()
    for center in ("1", "2"):
        voi, group = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, "10"
        group.FrameVOILUTSequence = Sequence([voi])
        groups.append(group)
    data = dicom(PIXELS, NumberOfFrames=2, PixelData=PIXELS.tobytes() * 2, PerFrameFunctionalGroupsSequence=groups)
    centers = [one.presentation.windows[0].center for one in read_frames(data, policy="every")]
    assert centers == [1, 2]


def test_more_frames_than_are_made_examples_of_are_refused_before_any_is_decoded(dicom: Any) -> None:
    data = dicom(np.zeros((1, 2), np.uint8), NumberOfFrames=1025, PixelData=bytes(2050))
    assert len(list(read_frames(data, policy="middle"))) == 1
    with pytest.raises(Unsupported, match="1025 frames"):
        next(read_frames(data, policy="every"))


SAMPLES = {
    "native": ({}, None),
    "implicit": ({"syntax": "1.2.840.10008.1.2"}, None),
    "deflated": ({"syntax": "1.2.840.10008.1.2.1.99"}, None),
    "jls": ({"syntax": "1.2.840.10008.1.2.4.80"}, imagecodecs.jpegls_encode),
    "j2k": (
        {"syntax": "1.2.840.10008.1.2.4.90"},
        lambda image: imagecodecs.jpeg2k_encode(image, level=0, codecformat="j2k"),
    ),
    "lossless": ({"syntax": "1.2.840.10008.1.2.4.70"}, lambda image: imagecodecs.ljpeg_encode(image, bitspersample=16)),
    "png": (None, imagecodecs.png_encode),
    "jpeg": (None, lambda image: imagecodecs.jpeg8_encode((image >> 4).astype(np.uint8))),
}


@pytest.fixture(scope="module")
def samples(dicom: Any) -> dict[str, bytes]:
    made = {}
    for name, (arguments, encode) in SAMPLES.items():
        frames = {"frames": [encode(PIXELS)]} if encode and arguments is not None else {}
        made[name] = encode(PIXELS) if arguments is None else dicom(PIXELS, **arguments, **frames)
    return made


def survives(data: bytes, task: Any) -> None:
    """Passes where the bytes give an image or a rejection, and where the rejection tells nothing of the patient."""
    said = ""
    try:
        image = canonical_image(read_source(data), task)
    except ImageRejected as rejected:
        said = str(rejected).upper()
    else:
        assert image.dtype == np.uint16
    assert "PATIENT" not in said
    assert "NAME^" not in said


@pytest.mark.parametrize("name", list(SAMPLES))
def test_the_samples_are_read(samples: dict[str, bytes], chest_task: Any, name: str) -> None:
    assert canonical_image(read_source(samples[name]), chest_task).shape == (20, 20)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", list(SAMPLES))
@given(cut=st.floats(0, 1))
def test_truncated_files_are_read_or_rejected(
    samples: dict[str, bytes], chest_task: Any, name: str, cut: float
) -> None:
    survives(samples[name][: int(cut * len(samples[name]))], chest_task)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("name", list(SAMPLES))
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_files_are_read_or_rejected(
    samples: dict[str, bytes], chest_task: Any, name: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(samples[name])
    for place, byte in changes:
        data[int(place * len(data))] = byte
    survives(bytes(data), chest_task)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=400),
    prefix=st.sampled_from([b"", bytes(128) + b"DICM", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]),
)
def test_random_bytes_are_rejected(chest_task: Any, data: bytes, prefix: bytes) -> None:
    survives(prefix + data, chest_task)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_inspection_survives_random_bytes(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random"
    path.write_bytes(bytes(128) + b"DICM" + data)
    assert inspect_file(path)["status"] in ("ok", "no_pixels", "unsupported", "corrupt", "not_dicom")
