"""What a stress test does to an image, by hand-worked pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from data_schemas.image_settings import Intensity, Window
from imaging.ablations import without_border, without_corners, without_text
from imaging.display import Display, display_of
from imaging.perturbations import (
    PERTURBATIONS,
    Perturbation,
    blurred,
    rotated,
    with_contrast,
    with_gamma,
    with_jpeg,
    with_lower_resolution,
    with_noise,
    with_window_center,
    with_window_width,
)

FILM = display_of(Intensity(policy="full_range"))
WINDOWS = (Window(center=40, width=400), Window(center=-600, width=1500))
CT = display_of(Intensity(policy="hounsfield", windows=WINDOWS))
FURTHER = ("border", "corners", "noise", "blur", "rotation", "resolution", "JPEG")
"""Those whose levels only rise."""
EVERY = [(row, level) for row in PERTURBATIONS for level in row.levels]


def _image(seed: int = 0, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(20_000, 45_000, shape).astype(np.uint16)


def _generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _name(value: object) -> str:
    return value.name if isinstance(value, Perturbation) else str(value)


def test_a_film_shows_everything_and_a_ct_slice_what_its_windows_let_through() -> None:
    assert Display(0, 65_535, 32_767.5, 65_535) == FILM
    # -600 - 750 = -1350 HU is the lowest black, 40 + 200 = 240 HU the highest white.
    assert Display(32_768 - 1350, 32_768 + 240, 32_768 + 40, 400) == CT


@pytest.mark.parametrize(("row", "level"), EVERY, ids=_name)
@pytest.mark.parametrize("display", [FILM, CT], ids=["film", "CT"])
def test_each_keeps_size_and_kind_leaves_the_original_alone_and_is_the_same_again(
    row: Perturbation, level: float, display: Display
) -> None:
    image = _image()
    kept = image.copy()
    changed = row.apply(image, level, display=display, image_id="a1")
    assert changed.shape == image.shape and changed.dtype == np.uint16
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_array_equal(row.apply(image, level, display=display, image_id="a1"), changed)
    if row.name != "burned-in text":
        assert (changed != image).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 3), (3, 200)])
def test_images_of_a_pixel_or_a_line_are_endured(shape: tuple[int, int]) -> None:
    for row, level in EVERY:
        assert row.apply(_image(shape=shape), level, display=FILM, image_id="a").shape == shape, row.name


@pytest.mark.parametrize("row", [row for row in PERTURBATIONS if row.name in FURTHER], ids=_name)
def test_a_higher_level_moves_a_smooth_image_further(row: Perturbation) -> None:
    image = cv2.GaussianBlur(_image(), (0, 0), 2.0)
    image = ((image.astype(float) - image.min()) * 65_535 / np.ptp(image)).astype(np.uint16)
    moved = [
        np.abs(row.apply(image, level, display=FILM, image_id="a").astype(float) - image).mean() for level in row.levels
    ]
    assert moved == sorted(moved) and moved[0] < moved[-1]


def test_levels_are_written_in_words() -> None:
    texts = {row.name: [row.level_text(level) for level in row.levels] for row in PERTURBATIONS}
    assert texts["border"] == ["outer 5%", "outer 10%"]
    assert texts["blur"] == ["0.5% of the side", "1.0% of the side"]
    assert texts["window centre"] == ["-10% of its width", "+10% of its width"]
    assert texts["JPEG"] == ["quality 50", "quality 10"]


def test_the_border_becomes_the_nearest_pixel_inside() -> None:
    image = np.array([[9, 9, 9, 9], [9, 1, 2, 9], [9, 3, 4, 9], [9, 9, 9, 9]], np.uint16)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(without_border(image, 0.1), expected)  # less than a pixel is one
    image = _image(shape=(20, 40))
    np.testing.assert_array_equal(without_border(image, 0.1)[2:-2, 2:-2], image[2:-2, 2:-2])


def test_the_corners_go_on_as_what_is_beside_them_and_the_rest_stays() -> None:
    image = _image(shape=(20, 40))
    masked = without_corners(image, 0.1)  # two rows, four columns
    changed = np.zeros(image.shape, bool)
    changed[np.ix_([0, 1, 18, 19], [0, 1, 2, 3, 36, 37, 38, 39])] = True
    np.testing.assert_array_equal(masked[~changed], image[~changed])
    # Row 1, column 3 touches both the column beside and the row below: half of each.
    assert masked[1, 3] == pytest.approx((int(image[1, 4]) + int(image[2, 3])) / 2, abs=0.5)
    # Row 0, column 3 is one away from the column beside and two from the row below.
    assert masked[0, 3] == pytest.approx((2 * int(image[0, 4]) + int(image[2, 3])) / 3, abs=0.5)
    mirrored = without_corners(image[::-1, ::-1], 0.1)[::-1, ::-1]
    np.testing.assert_array_equal(masked, mirrored)


@pytest.mark.parametrize("ablation", [without_border, without_corners])
def test_of_a_plain_image_nothing_can_be_seen_afterwards(ablation) -> None:
    image = np.full((40, 60), 31_768, np.uint16)
    marked = image.copy()
    marked[:4, :4] = 65_535
    np.testing.assert_array_equal(ablation(marked, 0.1), image)


@pytest.mark.parametrize("ablation", [without_border, without_corners])
def test_nothing_of_what_was_taken_away_is_left_in_its_place(ablation) -> None:
    """Not even a median that a mark has moved: AUROC would find the mark in it."""
    image, marked = _image(), _image()
    marked[:3, :3] = 65_535
    np.testing.assert_array_equal(ablation(marked, 0.1), ablation(image, 0.1))


def test_written_text_becomes_background_and_an_image_without_text_is_the_same_object() -> None:
    plain = np.full((200, 300), 10_000, np.uint16)
    assert without_text(plain) is plain
    written = plain.copy()
    cv2.putText(written, "12345678", (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 60_000, 2)
    assert (written != plain).sum() > 500
    np.testing.assert_array_equal(without_text(written), plain)


def test_noise_has_the_deviation_that_is_asked_for_and_is_another_for_another_image() -> None:
    image = np.full((200, 200), 30_000, np.uint16)
    for display, sigma in ((FILM, 0.02 * 65_535), (CT, 0.02 * 400)):
        noise = with_noise(image, 0.02, display, _generator()).astype(float) - image
        assert noise.std() == pytest.approx(sigma, rel=0.02) and abs(noise.mean()) < 4 * sigma / 200
    row = next(row for row in PERTURBATIONS if row.name == "noise")
    first, second = (row.apply(image, 0.02, display=FILM, image_id=name) for name in ("a1", "a2"))
    assert (first != second).mean() > 0.9


def test_noise_at_black_stays_in_range() -> None:
    changed = with_noise(np.zeros((50, 50), np.uint16), 0.1, FILM, _generator())
    assert changed.max() < 65_535 * 0.6 and (changed == 0).mean() == pytest.approx(0.5, abs=0.05)


def test_a_blurred_point_is_a_gaussian_of_the_same_sum() -> None:
    image = np.zeros((101, 101), np.uint16)
    image[50, 50] = 60_000
    changed = blurred(image, 2 / 101).astype(float)
    # The Gaussian's peak is 1 / (2 pi sigma squared); its ratio over 2 pixels is exp(-2 * 2 / (2 * 4)).
    assert changed[50, 50] / 60_000 == pytest.approx(1 / (2 * np.pi * 4), rel=0.03)
    assert changed[50, 52] / changed[50, 50] == pytest.approx(np.exp(-0.5), rel=0.03)
    assert changed.sum() == pytest.approx(60_000, rel=0.02)


def test_contrast_moves_about_the_mean_of_what_the_window_shows() -> None:
    image = np.array([[10_000, 30_000]], np.uint16)
    np.testing.assert_array_equal(with_contrast(image, 0.5, FILM), [[15_000, 25_000]])
    np.testing.assert_array_equal(with_contrast(image, 10, FILM), [[0, 65_535]])
    # The first window shows 32,608 to 33,008. What lies outside has no part in the mean of 32,808, and is moved as the
    # window's edge is, by 100.
    ct = np.array([[20_000, 32_708, 32_908, 40_000]], np.uint16)
    np.testing.assert_array_equal(with_contrast(ct, 0.5, CT), [[20_100, 32_758, 32_858, 39_900]])
    np.testing.assert_array_equal(with_contrast(np.array([[20_000]], np.uint16), 0.5, CT), [[20_100]])


def test_gamma_keeps_black_white_and_what_lies_outside() -> None:
    image = np.array([[0, 16_384, 65_535]], np.uint16)
    # (16384 / 65535) ** .5 is .5000..., of 65,535: 32,768.
    np.testing.assert_array_equal(with_gamma(image, 0.5, FILM), [[0, 32_768, 65_535]])
    # The middle of the first window, 0.5, becomes 0.25 of its 400.
    ct = np.array([[20_000, 32_608, 32_808, 33_008, 40_000]], np.uint16)
    np.testing.assert_array_equal(with_gamma(ct, 2, CT), [[20_000, 32_608, 32_708, 33_008, 40_000]])


def _shown(image: np.ndarray, window: Window) -> np.ndarray:
    """What the graph makes of a canonical CT image."""
    return ((image.astype(float) - 32_768 - (window.center - window.width / 2)) / window.width).clip(0, 1)


@pytest.mark.parametrize(
    ("change", "level", "other"),
    [
        (with_window_width, 0.5, Window(center=40, width=200)),
        (with_window_width, 2.0, Window(center=40, width=800)),
        (with_window_center, 0.1, Window(center=80, width=400)),
        (with_window_center, -0.25, Window(center=-60, width=400)),
    ],
)
def test_another_window_of_a_ct_slice_is_what_the_graph_would_show_in_that_window(change, level, other) -> None:
    image = np.arange(31_768, 34_768, dtype=np.uint16)[None]  # -1000 to 2000 HU
    seen = _shown(change(image, level, CT), WINDOWS[0])
    np.testing.assert_allclose(seen, _shown(image, other), atol=0.6 / 400)  # half a Hounsfield unit is rounded off


def test_another_window_of_a_film_makes_what_lies_outside_black_or_white() -> None:
    image = np.array([[0, 8_192, 16_384, 32_768, 49_151, 65_535]], np.uint16)
    # Half as wide: 16,384 to 49,151 fill the whole range.
    np.testing.assert_allclose(with_window_width(image, 0.5, FILM)[0], [0, 0, 0, 32_768, 65_535, 65_535], atol=1)
    np.testing.assert_allclose(with_window_center(image, 0.25, FILM)[0], [0, 0, 0, 16_384, 32_767, 49_151], atol=1)


def test_a_turned_line_has_the_angle_and_both_ways_occur() -> None:
    image = np.zeros((101, 101), np.uint16)
    image[48:53, 10:91] = 60_000
    angles = []
    for seed in range(8):
        rows, columns = np.nonzero(rotated(image, 20, _generator(seed)) > 30_000)
        angles.append(np.degrees(np.arctan(np.polyfit(columns, rows, 1)[0])))
    assert np.abs(angles) == pytest.approx(20, abs=0.5)
    assert min(angles) < 0 < max(angles)


def test_beyond_the_edge_a_turned_image_goes_on_as_it_was() -> None:
    assert (rotated(np.full((30, 40), 31_768, np.uint16), 20, _generator()) == 31_768).all()  # air stays air


def test_lower_resolution_keeps_means_and_loses_a_chequerboard() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 40_000).astype(np.uint16)
    np.testing.assert_array_equal(with_lower_resolution(board, 2), np.full((64, 64), 20_000))
    assert with_lower_resolution(np.array([[5]], np.uint16), 8).tolist() == [[5]]


def test_jpeg_is_eight_bits_of_what_is_shown_and_worse_at_a_lower_quality() -> None:
    flat = np.full((32, 32), round(100 / 255 * 65_535), np.uint16)
    np.testing.assert_array_equal(with_jpeg(flat, 90, FILM), flat)
    smooth = cv2.GaussianBlur(_image(), (0, 0), 2.0)
    errors = [np.abs(with_jpeg(smooth, quality, FILM).astype(float) - smooth).mean() for quality in (90, 30, 5)]
    assert errors == sorted(errors)
    # What no window shows is clipped: 40,000 is white, 33,008.
    assert with_jpeg(np.full((16, 16), 40_000, np.uint16), 90, CT).max() == 33_008
