"""The toy chest: projection, where lungs are, and that two drawings differ only by what is random."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imaging.synthetic_anatomy import LUNG_HEIGHT, Projection, draw_chest, grow_anatomy, lung_points
from imaging.synthetic_lesions import LARGEST, SMALLEST, Lesion, draw_lesion, grow_lesions

STRAIGHT = Projection(rows=280, columns=256, half_width=100.0, center=(128.0, 140.0), tilt=0.0)


def test_projection_of_known_points() -> None:
    points = np.array([[0.0, 0.5], [1.0, 0.5], [-1.0, 1.5]])
    expected = [[128, 140], [228, 140], [28, 140 + 100 * LUNG_HEIGHT]]
    np.testing.assert_allclose(STRAIGHT.to_pixels(points), expected)


def test_a_quarter_turn_moves_right_to_down() -> None:
    turned = Projection(rows=280, columns=256, half_width=100.0, center=(128.0, 140.0), tilt=np.pi / 2)
    np.testing.assert_allclose(turned.to_pixels(np.array([[1.0, 0.5]])), [[128, 240]], atol=1e-9)


def test_lungs_are_dark_between_spine_and_trunk() -> None:
    anatomy = grow_anatomy(np.random.default_rng(1), sex="M")
    density, lungs = draw_chest(anatomy, STRAIGHT, np.random.default_rng(2), view="PA")
    assert density.shape == lungs.shape == (280, 256)
    assert density.min() >= 0
    spine = density[100:180, 122:134].mean()
    assert density[lungs > 0.99].mean() < 0.6 * spine
    assert 0.12 < (lungs > 0.5).mean() < 0.45


def test_the_same_generator_draws_the_same_chest() -> None:
    anatomy = grow_anatomy(np.random.default_rng(1), sex="F")
    first, again = (draw_chest(anatomy, STRAIGHT, np.random.default_rng(2), view="AP")[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_points_lie_over_both_lungs_at_all_heights_and_off_their_edges() -> None:
    anatomy = grow_anatomy(np.random.default_rng(1), sex="F")
    points = lung_points(anatomy, np.random.default_rng(3), 300, margin=0.03)
    scaled = [(lung * (1, LUNG_HEIGHT)).astype(np.float32) for lung in anatomy.lungs]
    for x, y in points:
        depths = [cv2.pointPolygonTest(lung, (float(x), float(y * LUNG_HEIGHT)), True) for lung in scaled]
        assert max(depths) >= 0.03
    assert 0.35 < (points[:, 0] < 0).mean() < 0.65
    counts, _ = np.histogram(points[:, 1], bins=4, range=(0, 0.96))
    assert counts.min() > 20


@pytest.mark.parametrize("kind", ["nodule", "cavity"])
def test_lesions_stay_within_their_bounds(kind: str) -> None:
    anatomy = grow_anatomy(np.random.default_rng(1), sex="M")
    grown = [grow_lesions(kind, anatomy, np.random.default_rng(seed)) for seed in range(40)]  # type: ignore[arg-type]
    assert {len(lesions) for lesions in grown} == {1, 2, 3}
    assert all(SMALLEST <= lesion.size <= LARGEST for lesions in grown for lesion in lesions)


def _drawn(kind: str) -> np.ndarray:
    density = np.full((120, 120), 0.5, np.float32)
    projection = Projection(rows=120, columns=120, half_width=100.0, center=(60.0, 60.0), tilt=0.0)
    lesion = Lesion(kind=kind, place=(0.0, 0.5), size=0.2, contrast=0.3, lobes=4, phase=0.0)  # type: ignore[arg-type]
    where = draw_lesion(density, lesion, projection)
    assert (where.row, where.column, where.diameter) == (60.0, 60.0, 40.0)
    return density


def test_a_nodule_is_a_disc_of_its_diameter_and_contrast() -> None:
    density = _drawn("nodule")
    assert density[60, 60] == pytest.approx(0.8, abs=0.005)
    assert density[60, 60 + 26] == pytest.approx(0.5, abs=0.005)
    # Half of the contrast is reached at 0.88 radii, give or take the wave of the outline.
    share = (density > 0.65).sum() / (np.pi * 20**2)
    assert share == pytest.approx(0.88**2, abs=0.05)


def test_a_cavity_is_a_bright_wall_around_a_centre_darker_than_its_surroundings() -> None:
    density = _drawn("cavity")
    assert density[60, 60] < 0.5
    assert density[60, 60 + 14] > 0.7
    assert density[60, 60 + 26] == pytest.approx(0.5, abs=0.005)


def test_a_lesion_at_the_edge_of_the_image_is_cut_off_not_wrapped() -> None:
    density = np.full((50, 50), 0.5, np.float32)
    projection = Projection(rows=50, columns=50, half_width=100.0, center=(0.0, 0.0), tilt=0.0)
    draw_lesion(density, Lesion("nodule", (0.0, 0.5), 0.1, 0.3, 3, 0.0), projection)
    assert density[0, 0] == pytest.approx(0.8, abs=0.01)
    assert density[-15:].max() == density[:, -15:].max() == 0.5
