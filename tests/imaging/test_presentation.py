from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.presentation import Presentation, VoiWindow, read_presentation


def dataset(**elements: Any) -> Dataset:
    made = Dataset()
    made.set_original_encoding(False, True, "latin1")
    made.PixelRepresentation = 0
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def read(made: Dataset, *, index: int = 0, bits_stored: int = 12, signed: bool = False) -> Presentation:
    return read_presentation(made, index, bits_stored=bits_stored, signed=signed)


def item(**elements: Any) -> Sequence:
    return Sequence([dataset(**elements)])


def test_an_empty_dataset_says_nothing() -> None:
    assert read(dataset()) == Presentation(bits_stored=12)


def test_8_bits_are_display_ready() -> None:
    assert read(dataset(), bits_stored=8).display_ready
    assert not read(dataset(), bits_stored=9).display_ready


def test_several_windows_keep_their_order_and_explanations() -> None:
    made = dataset(WindowCenter=["40", "-600"], WindowWidth=["400", "1500"])
    assert read(made).windows == (VoiWindow(40, 400), VoiWindow(-600, 1500))
    made.WindowCenterWidthExplanation = ["ABDOMEN", "LUNG"]
    assert [window.explanation for window in read(made).windows] == ["ABDOMEN", "LUNG"]


def test_a_window_without_its_width_is_left_out() -> None:
    assert read(dataset(WindowCenter=["40", "-600"], WindowWidth="400")).windows == (VoiWindow(40, 400),)


@pytest.mark.parametrize(
    ("width", "function", "known"),
    [
        ("0.5", "LINEAR", False),
        ("0.5", "LINEAR_EXACT", True),
        ("0", "SIGMOID", False),
        ("-5", "LINEAR", False),
        ("9", "X", False),
    ],
)
def test_windows_that_the_standard_forbids_count_as_missing(width: str, function: str, known: bool) -> None:
    found = read(dataset(WindowCenter="1", WindowWidth=width, VOILUTFunction=function)).windows
    assert bool(found) == known


def test_rescale_and_its_type() -> None:
    found = read(dataset(RescaleSlope="2", RescaleIntercept="-1024", RescaleType="hu"))
    assert (found.slope, found.intercept, found.rescale_type) == (2, -1024, "HU")


def test_monochrome1_is_inverted() -> None:
    assert read(dataset(PhotometricInterpretation="MONOCHROME1")).inverted
    assert not read(dataset(PhotometricInterpretation="MONOCHROME2")).inverted


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", "INVERSE", True),  # as they should (PS3.3, C.7.6.1): said twice, inverted once
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        (
            "MONOCHROME1",
            "IDENTITY",
            True,
        ),  # contradicts itself: the shape is "other than to account for" the first (C.8.11.3)
    ],
)
def test_presentation_lut_shape(photometric: str, shape: str, inverted: bool) -> None:
    made = dataset(PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    assert read(made).inverted == inverted


def test_a_slope_of_0_counts_as_missing() -> None:
    assert read(dataset(RescaleSlope="0", RescaleIntercept="5")).slope is None


@pytest.mark.parametrize(("relationship", "slope"), [("LOG", None), ("DISP", None), ("LIN", 2)])
@pytest.mark.parametrize("kind", ["1", "2"])
def test_rescale_of_a_logarithmic_angiogram_is_not_for_display(
    kind: str, relationship: str, slope: float | None
) -> None:
    made = dataset(RescaleSlope="2", RescaleIntercept="1", PixelIntensityRelationship=relationship)
    made.SOPClassUID = f"1.2.840.10008.5.1.4.1.1.12.{kind}"
    made.ModalityLUTSequence = item(LUTDescriptor=[1, 0, 8])
    made.ModalityLUTSequence[0].add_new("LUTData", "US", 7)
    found = read(made)
    assert (found.slope, found.modality_lut is None) == (slope, slope is None)


def test_each_frame_may_have_a_voi_lut_of_its_own() -> None:
    luts = [dataset(LUTDescriptor=[2, 0, 8]) for _ in range(2)]
    for number, lut in enumerate(luts):
        lut.add_new("LUTData", "OW", bytes([number, 0, 9, 0]))
    frames = [dataset(FrameVOILUTSequence=item(VOILUTSequence=Sequence([lut]))) for lut in luts]
    made = dataset(PerFrameFunctionalGroupsSequence=Sequence(frames))
    assert [read(made, index=index).voi_luts[0].entries.tolist() for index in (0, 1)] == [[0, 9], [1, 9]]


def test_an_enhanced_object_has_its_values_in_functional_groups() -> None:
    shared = item(PixelValueTransformationSequence=item(RescaleSlope="3", RescaleIntercept="1"))
    frames = Sequence([dataset(FrameVOILUTSequence=item(WindowCenter=str(c), WindowWidth="10")) for c in (5, 6)])
    made = dataset(SharedFunctionalGroupsSequence=shared, PerFrameFunctionalGroupsSequence=frames)
    second = read(made, index=1)
    assert (second.slope, second.intercept, second.windows) == (3, 1, (VoiWindow(6, 10),))


@pytest.mark.parametrize("data", [[1, 2, 3], b"\1\0\2\0\3\0"], ids=["US", "OW"])
def test_a_voi_lut_is_read_as_numbers_or_words(data: Any) -> None:
    lut = dataset(LUTDescriptor=[3, 7, 12])
    lut.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    (table,) = read(dataset(VOILUTSequence=Sequence([lut]))).voi_luts
    assert (table.first, table.bits, table.entries.tolist()) == (7, 12, [1, 2, 3])


def test_8_bit_entries_may_be_packed() -> None:
    lut = dataset(LUTDescriptor=[4, 0, 8])
    lut.add_new("LUTData", "OW", b"\1\2\3\4")
    table = read(dataset(ModalityLUTSequence=Sequence([lut]))).modality_lut
    assert table is not None
    assert table.entries.tolist() == [1, 2, 3, 4]


def test_a_first_input_below_0_may_be_written_unsigned() -> None:
    lut = dataset(LUTDescriptor=[2, 65_536 - 1024, 8])
    lut.add_new("LUTData", "US", [0, 255])
    table = read(dataset(PixelRepresentation=1, VOILUTSequence=Sequence([lut])), signed=True).voi_luts[0]
    assert table.first == -1024


def test_rescaled_values_below_0_make_the_first_input_signed() -> None:
    lut = dataset(LUTDescriptor=[2, 65_536 - 1024, 8])
    lut.add_new("LUTData", "US", [0, 255])
    made = dataset(VOILUTSequence=Sequence([lut]), RescaleSlope="1", RescaleIntercept="-1024")
    assert read(made).voi_luts[0].first == -1024


@pytest.mark.parametrize("descriptor", [[3, 0], [3, 0, 40], []])
def test_a_malformed_lut_counts_as_missing(descriptor: list[int]) -> None:
    lut = dataset(LUTDescriptor=descriptor)
    lut.add_new("LUTData", "US", [0, 255])
    assert read(dataset(VOILUTSequence=Sequence([lut]))).voi_luts == ()


@pytest.mark.parametrize(
    ("elements", "signed", "padding"),
    [
        ({"PixelPaddingValue": 4095}, False, (4095, 4095)),
        ({"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 10}, False, (0, 10)),
        ({"PixelPaddingValue": 10, "PixelPaddingRangeLimit": 0}, False, (0, 10)),
        ({"PixelPaddingValue": 63_536}, True, (-2000, -2000)),
        ({"PixelPaddingRangeLimit": 5}, False, None),
    ],
)
def test_padding(elements: dict[str, int], signed: bool, padding: tuple[float, float] | None) -> None:
    made = dataset(PixelRepresentation=int(signed))
    for name, value in elements.items():
        made.add_new(name, "US", value)
    assert read(made, bits_stored=16, signed=signed).padding == padding
