from __future__ import annotations

import numpy as np
import pytest

from data_schemas import features
from data_schemas.image_settings import Intensity, Window
from imaging.quality import border_share, quality_features, sharpness, window_values

HALVES = np.array([[0, 0, 65_535, 65_535]] * 4, np.uint16)


def test_moments_of_a_half_black_half_white_image() -> None:
    found = quality_features(HALVES, Intensity())
    assert found[features.MEAN] == pytest.approx([0.5])
    assert found[features.STANDARD_DEVIATION] == pytest.approx([0.5])
    assert found[features.SATURATION] == [1.0]
    assert found[features.CHANNEL_MEAN] == pytest.approx([0.5])
    assert found[features.CHANNEL_MEAN_SQUARE] == pytest.approx([0.5])


def test_moments_agree_with_numpy() -> None:
    image = np.random.default_rng(1).integers(0, 65_536, (31, 17), dtype=np.uint16)
    found = quality_features(image, Intensity())
    unit = image / 65_535
    assert found[features.MEAN] == pytest.approx([unit.mean()])
    assert found[features.STANDARD_DEVIATION] == pytest.approx([unit.std()])
    assert found[features.CHANNEL_MEAN_SQUARE] == pytest.approx([(unit**2).mean()])


def test_each_ct_window_is_a_channel() -> None:
    windows = (Window(center=40, width=400), Window(center=-600, width=1500))
    image = np.array([[-1000, -160, 40, 240]]) + 32_768
    found = quality_features(image.astype(np.uint16), Intensity(policy="hounsfield", windows=windows))
    # 40/400 shows (0, 0, .5, 1); -600/1500 shows (350, 1190, 1390, 1590) / 1500, the last clipped to 1.
    lung = [350 / 1500, 1190 / 1500, 1390 / 1500, 1]
    assert found[features.CHANNEL_MEAN] == pytest.approx([0.375, sum(lung) / 4])
    assert found[features.CHANNEL_MEAN_SQUARE] == pytest.approx([1.25 / 4, sum(value**2 for value in lung) / 4])


def test_a_window_rises_from_0_to_1() -> None:
    values = window_values(Window(center=40, width=400))
    assert values[32_768 - 160] == 0
    assert values[32_768 + 40] == pytest.approx(0.5)
    assert values[32_768 + 240] == 1
    assert (np.diff(values) >= 0).all()


def test_saturation_counts_the_images_own_ends() -> None:
    image = np.array([[5, 5, 6, 7, 8, 9, 10, 11, 12, 13]], np.uint16)
    assert quality_features(image, Intensity())[features.SATURATION] == [pytest.approx(0.3)]


def test_a_constant_image_is_saturated_border_without_sharpness() -> None:
    found = quality_features(np.full((4, 4), 9, np.uint16), Intensity())
    assert found[features.SATURATION] == [1.0]
    assert found[features.BORDER_SHARE] == [1.0]
    assert found[features.SHARPNESS] == [0.0]
    assert found[features.STANDARD_DEVIATION] == pytest.approx([0.0], abs=1e-9)


def test_constant_rows_and_columns_count_from_the_edges() -> None:
    image = np.zeros((6, 4), np.uint16)
    image[2:4, 1] = (1, 2)
    # Rows 0, 1, 4 and 5 are constant, columns 0, 2 and 3: 7 of 10.
    assert border_share(image) == pytest.approx(0.7)


def test_a_constant_row_inside_is_no_border() -> None:
    image = np.arange(20, dtype=np.uint16).reshape(5, 4)
    image[2] = 3
    assert border_share(image) == 0.0


def test_sharpness_of_one_bright_pixel() -> None:
    # OpenCV's Laplacian of a unit impulse: -4 at the pixel, 1 at its four neighbours; over 81 pixels the mean is 0,
    # the variance 20 / 81.
    image = np.zeros((9, 9), np.uint16)
    image[4, 4] = 65_535
    assert sharpness(image) == pytest.approx((20 / 81) ** 0.5)


def test_blur_lowers_sharpness() -> None:
    sharp = np.random.default_rng(1).integers(0, 65_536, (32, 32), dtype=np.uint16)
    blurred = sharp.reshape(16, 2, 16, 2).mean(axis=(1, 3)).repeat(2, axis=0).repeat(2, axis=1).astype(np.uint16)
    assert sharpness(blurred) < sharpness(sharp)
