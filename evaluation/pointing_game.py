"""The pointing game: whether a heatmap's highest pixel lies on the lesion (Zhang et al., IJCV 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Heatmap = NDArray[np.float32]

_GRID = 256
"""Rows and columns of the grid on which the best constant point is looked for. Lesions are 3 % of the width or more."""
_GROUPS = 3


@dataclass(frozen=True)
class Lesion:
    """A round lesion: its centre and diameter in pixels of the source, (0, 0) being the centre of the first pixel."""

    row: float
    column: float
    diameter: float


@dataclass(frozen=True)
class SizeGroup:
    """Images whose largest lesion is about as large.

    Attributes:
        smallest, largest: diameter of the largest lesion, in pixels of the source.
        images: how many.
        hit_rate: share of them with a hit.
    """

    smallest: float
    largest: float
    images: int
    hit_rate: float


@dataclass(frozen=True)
class PointingGame:
    """How often heatmaps point at a lesion.

    Attributes:
        images: how many were looked at.
        hit_rate: share of images whose highest pixel lies on a lesion.
        by_size: the same for tertiles of the largest lesion's diameter, smallest first.
        constant_rate: share that the best constant point hits, the same for all images: what no image is needed for.
        constant_point: that point, as shares of the rows and the columns, 0..1.
    """

    images: int
    hit_rate: float
    by_size: tuple[SizeGroup, ...]
    constant_rate: float
    constant_point: tuple[float, float]


def pointing_game(
    heatmaps: Sequence[Heatmap], lesions: Sequence[Sequence[Lesion]], *, tolerance: float = 0.0
) -> PointingGame:
    """Returns how often the highest pixel of a heatmap lies on a lesion, beside the best that a constant point does.

    The constant point is chosen on the same images, so it is the harder to beat. A heatmap that is the same everywhere
    points nowhere and misses.

    Args:
        heatmaps: float32 (rows, columns) in the source's pixels, one for each image, at least one.
        lesions: of each image, at least one.
        tolerance: how far beyond a lesion's edge still counts, in pixels of the source; of two pixels that are equally
            high the first is taken. Zhang et al. allow 15 for photographs; here 0 unless given.
    """
    hits = np.array([_is_hit(*pair, tolerance) for pair in zip(heatmaps, lesions, strict=True)])
    sizes = np.array([max(lesion.diameter for lesion in found) for found in lesions])
    shapes = [heatmap.shape for heatmap in heatmaps]
    rate, point = _best_constant(shapes, lesions, tolerance)
    return PointingGame(len(hits), float(hits.mean()), _by_size(hits, sizes), rate, point)


def _is_hit(heatmap: Heatmap, lesions: Sequence[Lesion], tolerance: float) -> bool:
    row, column = np.unravel_index(np.argmax(heatmap), heatmap.shape)
    return bool(heatmap.max() > heatmap.min()) and any(
        np.hypot(row - lesion.row, column - lesion.column) <= lesion.diameter / 2 + tolerance for lesion in lesions
    )


def _by_size(hits: NDArray[np.bool_], sizes: NDArray[np.float64]) -> tuple[SizeGroup, ...]:
    groups = np.array_split(np.argsort(sizes, kind="stable"), min(_GROUPS, len(sizes)))
    return tuple(
        SizeGroup(float(sizes[group].min()), float(sizes[group].max()), len(group), float(hits[group].mean()))
        for group in groups
    )


def _best_constant(
    shapes: Sequence[tuple[int, ...]], lesions: Sequence[Sequence[Lesion]], tolerance: float
) -> tuple[float, tuple[float, float]]:
    """Returns the share of images that the best constant point hits, and that point, on a grid."""
    shares = (np.arange(_GRID) + 0.5) / _GRID
    counts = np.zeros((_GRID, _GRID), int)
    for (rows, columns), found in zip(shapes, lesions, strict=True):
        down, right = (shares * rows - 0.5)[:, None], shares * columns - 0.5
        hit = np.zeros((_GRID, _GRID), bool)
        for lesion in found:
            hit |= np.hypot(down - lesion.row, right - lesion.column) <= lesion.diameter / 2 + tolerance
        counts += hit
    best = np.unravel_index(np.argmax(counts), counts.shape)
    return float(counts[best] / len(shapes)), (float(shares[best[0]]), float(shares[best[1]]))
