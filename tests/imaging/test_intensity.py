from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from data_schemas.errors import Unsupported
from data_schemas.image_settings import Intensity, Window
from imaging.intensity import canonical_values, chosen_voi, looked_up, windowed
from imaging.presentation import LookupTable, Presentation, VoiWindow

VOI, FULL_RANGE = Intensity(), Intensity(policy="full_range")
HOUNSFIELD = Intensity(policy="hounsfield", windows=(Window(center=40, width=400),))
DEEP = Presentation(bits_stored=12)
"""More than 8 bits and no window: the image's own range is shown."""


def image(*values: float, dtype: Any = np.int32) -> NDArray[Any]:
    return np.array([values], dtype)


def shown(pixels: NDArray[Any], presentation: Presentation, intensity: Intensity = VOI) -> list[int]:
    found = canonical_values(pixels, presentation, intensity)
    assert found.dtype == np.uint16
    assert found.shape == pixels.shape
    return [int(value) for value in found.ravel()]


def test_linear_window_of_the_standard() -> None:
    # PS3.3, C.11.2.1.2.1: c = 2048, w = 4096: x <= 0 is 0, x > 4095 is 1, else (x - 2047.5) / 4095 + .5.
    values = np.array([-1.0, 0, 1, 2047.5, 4095, 4096])
    assert windowed(values, VoiWindow(2048, 4096)) == pytest.approx([0, 0, 1 / 4095, 0.5, 1, 1])


def test_linear_window_of_width_1_is_a_threshold() -> None:
    # The standard's note: c = 100, w = 1: x <= 99.5 is 0, else 1.
    assert windowed(np.array([99.0, 99.5, 99.6, 100]), VoiWindow(100, 1)).tolist() == [0, 0, 1, 1]


def test_linear_exact_window_of_the_standard() -> None:
    # c = 0, w = 100: -50 is 0, 50 is 1, 25 is .75.
    found = windowed(np.array([-51.0, -50, 0, 25, 50, 51]), VoiWindow(0, 100, "LINEAR_EXACT"))
    assert found == pytest.approx([0, 0, 0.5, 0.75, 1, 1])


def test_sigmoid_window_of_the_standard() -> None:
    # 1 / (1 + exp(-4 (x - c) / w)); a width away from the center it is 1 / (1 + exp(-4)).
    found = windowed(np.array([40.0, 440, -1e9, 1e9]), VoiWindow(40, 400, "SIGMOID"))
    assert found == pytest.approx([0.5, 1 / (1 + math.exp(-4)), 0, 1])


@given(
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.floats(-1000, 1000),
    st.floats(1, 4000),
    st.floats(0.1, 3),
    st.floats(-1024, 1024),
)
def test_windows_agree_with_pydicom(function: str, center: float, width: float, slope: float, intercept: float) -> None:
    stored = np.arange(0, 4096, 37, dtype=np.uint16)
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 12, 0
    dataset.BitsAllocated = 16
    dataset.RescaleSlope, dataset.RescaleIntercept = f"{slope:.4f}", f"{intercept:.4f}"
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = f"{center:.4f}", f"{width:.4f}", function
    values = apply_modality_lut(stored, dataset)
    with np.errstate(over="ignore"):  # pydicom's sigmoid overflows to the right answer
        expected = apply_voi_lut(values, dataset)
    low = float(dataset.RescaleIntercept)
    high = 4095 * float(dataset.RescaleSlope) + low  # pydicom's output range is that of the modality values
    unit = windowed(values, VoiWindow(float(dataset.WindowCenter), float(dataset.WindowWidth), function))
    np.testing.assert_allclose(unit * (high - low) + low, expected, atol=1e-6 * (high - low))


def test_lookup_tables_extend_beyond_their_ends() -> None:
    table = LookupTable(first=-2, entries=np.array([10.0, 20, 30]), bits=8)
    assert looked_up(np.array([-9.0, -2, -1, 0, 9]), table).tolist() == [10, 10, 20, 30, 30]


def test_a_window_is_applied_to_rescaled_values() -> None:
    # (0, 50, 100) * 2 - 100 = (-100, 0, 100); LINEAR_EXACT 0/200 -> (0, .5, 1).
    presentation = Presentation(16, slope=2, intercept=-100, windows=(VoiWindow(0, 200, "LINEAR_EXACT"),))
    assert shown(image(0, 50, 100), presentation) == [0, 32768, 65535]


def test_a_voi_lut_goes_before_a_window() -> None:
    table = LookupTable(first=0, entries=np.array([255.0, 0, 51]), bits=8)
    assert shown(image(0, 1, 2), Presentation(8, voi_luts=(table,), windows=(VoiWindow(1, 2),))) == [65535, 0, 13107]


LUNG, BONE = VoiWindow(-600, 1500, explanation="LUNG"), VoiWindow(300, 1500, explanation="Bone ")
CURVE = LookupTable(0, np.zeros(1), 8, explanation="HARDER")


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (Presentation(12, windows=(LUNG, BONE)), 1, LUNG),
        (Presentation(12, windows=(LUNG, BONE)), 2, BONE),
        (Presentation(12, windows=(LUNG, BONE)), 3, LUNG),
        (Presentation(12, windows=(LUNG, VoiWindow(300, 1500, explanation="Bone"))), "BONE", BONE),
        (Presentation(12, windows=(LUNG, BONE)), "SOFT", LUNG),
        (Presentation(12, windows=(LUNG, BONE), voi_luts=(CURVE,)), 1, CURVE),
        (Presentation(12, windows=(LUNG, BONE), voi_luts=(CURVE,)), 2, CURVE),
        (Presentation(12, windows=(LUNG, BONE), voi_luts=(CURVE,)), "lung", LUNG),
        (Presentation(12, windows=(LUNG, BONE), voi_luts=(CURVE,)), "harder", CURVE),
    ],
)
def test_a_task_may_name_the_window(offered: Presentation, wanted: int | str, chosen: object) -> None:
    found = chosen_voi(offered, wanted)
    assert (type(found), found.explanation.strip()) == (type(chosen), chosen.explanation.strip())  # type: ignore[attr-defined]


def test_the_named_window_is_shown() -> None:
    presentation = Presentation(12, windows=(VoiWindow(0, 1), VoiWindow(50, 100, "LINEAR_EXACT", "WIDE")))
    assert shown(image(0, 50, 100), presentation, Intensity(voi_window="wide")) == [0, 32768, 65535]


def test_a_modality_lut_goes_before_rescale() -> None:
    table = LookupTable(first=0, entries=np.array([0.0, 100, 50]), bits=8)
    assert shown(image(0, 1, 2), Presentation(16, slope=7, intercept=7, modality_lut=table)) == [0, 65535, 32768]


def test_without_a_window_a_deep_image_is_stretched_over_its_own_range() -> None:
    assert shown(image(100, 150, 200), DEEP) == [0, 32768, 65535]


def test_without_a_window_8_bits_keep_their_stored_range() -> None:
    assert shown(image(0, 51, 255), Presentation(8, display_ready=True)) == [0, 13107, 65535]


def test_monochrome1_is_inverted_once() -> None:
    inverted = Presentation(12, inverted=True)
    assert shown(image(100, 150, 200), inverted) == [65535, 32768, 0]
    window = Presentation(12, inverted=True, windows=(VoiWindow(150, 100, "LINEAR_EXACT"),))
    assert shown(image(100, 125, 200), window) == [65535, 49151, 0]


def test_a_negative_slope_turns_the_image_over() -> None:
    assert shown(image(0, 1, 2), Presentation(12, slope=-1, intercept=0)) == [65535, 32768, 0]


def test_full_range_depends_on_bits_stored_alone() -> None:
    assert shown(image(0, 819, 4095), DEEP, FULL_RANGE) == [0, 13107, 65535]
    signed = Presentation(12, signed=True, windows=(VoiWindow(0, 10),))
    assert shown(image(-2048, 2047), signed, FULL_RANGE) == [0, 65535]


def test_percentiles_are_nearest_rank() -> None:
    # Of 1..100, the 10th and 90th percentile are 10 and 90: 50 is halfway, what lies outside is clipped.
    pixels = np.arange(1, 101, dtype=np.int16).reshape(10, 10)
    found = canonical_values(pixels, DEEP, Intensity(policy="percentile", percentiles=(10, 90)))
    assert (found == 0).sum() == 10
    assert (found == 65535).sum() == 11
    assert found[4, 9] == 32768


def test_hounsfield_units_are_kept_with_an_offset() -> None:
    presentation = Presentation(16, slope=1, intercept=-1024, windows=(VoiWindow(40, 400),))
    assert shown(image(0, 1024, 1064), presentation, HOUNSFIELD) == [31744, 32768, 32808]


def test_hounsfield_units_beyond_16_bits_are_clipped() -> None:
    assert shown(image(-40_000, 40_000), Presentation(32, slope=1, intercept=0), HOUNSFIELD) == [0, 65535]


@pytest.mark.parametrize(
    ("presentation", "why"),
    [
        (DEEP, "Rescale Slope"),
        (Presentation(12, slope=1, intercept=0, rescale_type="OD"), "OD"),
        (Presentation(12, modality_lut=LookupTable(0, np.zeros(1), 8)), "Modality LUT"),
    ],
)
def test_what_is_not_in_hounsfield_units_is_unsupported(presentation: Presentation, why: str) -> None:
    with pytest.raises(Unsupported, match=why):
        canonical_values(image(0, 1), presentation, HOUNSFIELD)


def test_padding_is_black_and_outside_every_range() -> None:
    padded = Presentation(12, padding=(-2000, -2000))
    assert shown(image(-2000, 100, 150, 200), padded) == [0, 0, 32768, 65535]


def test_padding_of_an_inverted_image_is_black_too() -> None:
    padded = Presentation(12, inverted=True, padding=(0, 10))
    assert shown(image(0, 10, 100, 200), padded) == [0, 0, 65535, 0]


def test_padding_is_air_in_hounsfield_units() -> None:
    padded = Presentation(16, slope=1, intercept=-1024, padding=(-2000, -2000))
    assert shown(image(-2000, 1024), padded, HOUNSFIELD) == [31768, 32768]


def test_an_image_of_padding_alone_is_shown_as_it_is() -> None:
    assert shown(image(5, 5), Presentation(8, display_ready=True, padding=(5, 5))) == [1285, 1285]


def test_a_constant_image_is_black() -> None:
    assert shown(image(7, 7), DEEP) == [0, 0]


def test_float_pixels_and_what_is_not_a_number() -> None:
    assert shown(image(0.25, 0.5, 0.75, math.nan, math.inf, dtype=np.float32), DEEP) == [0, 32768, 65535, 0, 0]


def test_float_pixels_of_absurd_size_do_not_overflow() -> None:
    steep = Presentation(64, slope=1e9, intercept=-1e9)
    assert shown(image(-1e308, 0, 1e308, dtype=np.float64), steep) == [0, 32768, 65535]


def test_more_than_65536_different_values_are_shown_too() -> None:
    assert shown(image(0, 1_000_000, 2_000_000), Presentation(32)) == [0, 32768, 65535]


@given(st.lists(st.integers(-(2**15), 2**16), min_size=1, max_size=20), st.booleans())
def test_order_is_kept_or_turned_over(values: list[int], inverted: bool) -> None:
    found = np.array(shown(image(*values), Presentation(17, inverted=inverted))).astype(int)
    order = np.argsort(values, kind="stable")
    assert (np.diff(found[order]) * (-1 if inverted else 1) >= 0).all()
