"""The pointing game on heatmaps whose highest pixel is known."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.pointing_game import Heatmap, Lesion, SizeGroup, pointing_game


def pointing_at(row: int, column: int, shape: tuple[int, int] = (100, 100)) -> Heatmap:
    heatmap = np.zeros(shape, np.float32)
    heatmap[row, column] = 1
    return heatmap


def test_a_hit_lies_within_the_lesions_radius() -> None:
    # 3 down and 4 right are 5 away: on the edge of a lesion of 10 across, beyond that of one of 9.8.
    heatmap = pointing_at(53, 54)
    assert pointing_game([heatmap], [[Lesion(50, 50, 10.0)]]).hit_rate == 1
    assert pointing_game([heatmap], [[Lesion(50, 50, 9.8)]]).hit_rate == 0
    assert pointing_game([heatmap], [[Lesion(50, 50, 9.8)]], tolerance=0.1).hit_rate == 1


def test_one_of_several_lesions_is_enough() -> None:
    lesions = [Lesion(10, 10, 6), Lesion(80, 20, 6)]
    assert pointing_game([pointing_at(81, 19)], [lesions]).hit_rate == 1


def test_a_heatmap_that_is_the_same_everywhere_points_nowhere() -> None:
    lesions = [Lesion(0, 0, 30)]
    assert pointing_game([np.ones((100, 100), np.float32)], [lesions]).hit_rate == 0


def test_tertiles_go_by_the_largest_lesion_of_an_image() -> None:
    diameters = [4.0, 30.0, 12.0, 5.0, 20.0, 10.0]
    hits = [False, True, True, False, True, False]
    heatmaps = [pointing_at(50, 50) if hit else pointing_at(0, 99) for hit in hits]
    lesions = [[Lesion(50, 50, diameter), Lesion(90, 10, 2.0)] for diameter in diameters]
    found = pointing_game(heatmaps, lesions)
    assert (found.images, found.hit_rate) == (6, 0.5)
    assert found.by_size == (SizeGroup(4, 5, 2, 0.0), SizeGroup(10, 12, 2, 0.5), SizeGroup(20, 30, 2, 1.0))


def test_the_best_constant_point_hits_where_most_lesions_are_whatever_the_image_is_sized() -> None:
    # Three of four lesions are at a quarter of the rows and half of the columns.
    shapes = [(100, 100), (200, 80), (60, 300), (100, 100)]
    lesions = [[Lesion(rows / 4, columns / 2, 8)] for rows, columns in shapes[:3]] + [[Lesion(90, 90, 8)]]
    found = pointing_game([pointing_at(0, 0, shape) for shape in shapes], lesions)
    assert found.hit_rate == 0
    assert found.constant_rate == 0.75
    assert found.constant_point == pytest.approx((0.25, 0.5), abs=0.04)
