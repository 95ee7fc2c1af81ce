"""Lesions of the synthetic chest: what they look like, and where they are put."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imaging.synthetic_anatomy import Anatomy, Image, Projection, lung_points

Kind = Literal["nodule", "cavity"]

SMALLEST, LARGEST = 0.042, 0.155
"""Bounds of a lesion's diameter as a share of the thorax's width, which spans 75 to 95 % of the image: so 3 to 15 %."""

_COUNTS = (1, 2, 3)
_COUNT_SHARES = (0.7, 0.2, 0.1)
_EDGE_MARGIN = 0.03


@dataclass(frozen=True)
class Lesion:
    """One lesion of a patient, who keeps it from study to study.

    Attributes:
        kind: `nodule`, a soft bright disc, or `cavity`, a bright wall around a dark centre.
        place: (x, y) in thorax coordinates, over a lung.
        size: diameter as a share of the thorax's width.
        contrast: density added at the brightest point.
        lobes, phase: how the outline waves.
    """

    kind: Kind
    place: tuple[float, float]
    size: float
    contrast: float
    lobes: int
    phase: float


@dataclass(frozen=True)
class LesionOnImage:
    """Where a lesion was drawn: centre and diameter in pixels of the source image."""

    kind: Kind
    row: float
    column: float
    diameter: float


def grow_lesions(kind: Kind, anatomy: Anatomy, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """Returns one to three lesions of a kind, anywhere over the lungs."""
    count = int(rng.choice(_COUNTS, p=_COUNT_SHARES))
    places = lung_points(anatomy, rng, count, margin=_EDGE_MARGIN)
    return tuple(
        Lesion(
            kind=kind,
            place=(float(x), float(y)),
            size=float(rng.uniform(SMALLEST, LARGEST)),
            contrast=float(rng.uniform(0.30, 0.46)),
            lobes=int(rng.integers(3, 7)),
            phase=float(rng.uniform(0, 2 * np.pi)),
        )
        for x, y in places
    )


def draw_lesion(density: Image, lesion: Lesion, projection: Projection) -> LesionOnImage:
    """Adds a lesion to densities (rows, columns) in place, and returns where it went."""
    column, row = (float(value) for value in projection.to_pixels(np.array([lesion.place]))[0])
    radius = lesion.size * projection.half_width
    reach = 1.3 * radius + 1
    top, left = max(0, int(row - reach)), max(0, int(column - reach))
    patch = density[top : int(row + reach) + 2, left : int(column + reach) + 2]
    rows, columns = np.mgrid[top : top + patch.shape[0], left : left + patch.shape[1]]
    down, right = rows - row, columns - column
    wave = 1 + 0.05 * np.cos(lesion.lobes * np.arctan2(down, right) + lesion.phase)
    patch += (lesion.contrast * _profile(lesion.kind, np.hypot(down, right) / (radius * wave))).astype(np.float32)
    np.maximum(patch, 0, out=patch)
    return LesionOnImage(lesion.kind, row, column, 2 * radius)


def _profile(kind: Kind, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the density at a distance from the centre in radii; 1 is the lesion's edge."""
    disc: NDArray[np.float64] = 1 / (1 + np.exp((distance - 0.88) / 0.06))
    if kind == "nodule":
        return disc
    hole: NDArray[np.float64] = 1 / (1 + np.exp((distance - 0.55) / 0.06))
    return np.asarray(disc - 1.35 * hole)
