"""A toy chest: outlines in thorax coordinates, drawn as densities and projected onto an image.

Thorax coordinates are (x, y): x is -1 at the viewer's left side of the rib cage, 0 in the middle, 1 at the right; y is
0 at the apex of the lungs and 1 at the costophrenic angles. Densities add up as attenuation does: 0 is air, 1 is
white bone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Image = NDArray[np.float32]

LUNG_HEIGHT = 1.65
"""Apex to costophrenic angle, in half widths of the thorax."""

_SUBPIXEL_BITS = 4
_LUNG = (
    (0.36, 0.0), (0.60, 0.08), (0.76, 0.30), (0.84, 0.60), (0.87, 0.92), (0.83, 1.01), (0.70, 0.94), (0.48, 0.88),
    (0.28, 0.92), (0.18, 0.96), (0.15, 0.74), (0.15, 0.50), (0.16, 0.26), (0.22, 0.07),
)  # fmt: skip
"""Corners of the lung on the positive side, from the apex outwards, down, and back along the mediastinum."""
_TRUNK = (
    (0.20, -0.60), (0.22, -0.22), (0.60, -0.14), (1.12, -0.04), (1.14, 0.16), (1.02, 0.34), (1.01, 0.70), (1.03, 1.90),
)  # fmt: skip
"""Half of the trunk's outline: neck, shoulder, side, flank."""
_MEDIASTINUM = ((0.12, -0.50), (0.13, 0.05), (0.20, 0.30), (0.17, 0.60), (0.22, 1.0), (0.20, 1.90))
_ABDOMEN = ((0.0, 0.96), (0.20, 0.95), (0.48, 0.88), (0.70, 0.93), (0.98, 1.06), (1.03, 1.90), (0.0, 1.90))
_HEART_CENTER, _HEART_AXES = (0.13, 0.76), (0.36, 0.22)
_RIBS = 10


@dataclass(frozen=True)
class Anatomy:
    """What stays the same in every study of a patient; outlines are (n, 2) in thorax coordinates.

    Attributes:
        lungs: closed outlines, the viewer's left one first.
        trunk, mediastinum, abdomen, heart: closed outlines.
        rib_curves: open curves from the spine outwards; anterior_curves: their front halves.
        clavicles: open curves.
        breasts: closed outlines; empty in men.
    """

    lungs: tuple[Points, Points]
    trunk: Points
    mediastinum: Points
    abdomen: tuple[Points, Points]
    heart: Points
    rib_curves: tuple[Points, ...]
    anterior_curves: tuple[Points, ...]
    clavicles: tuple[Points, Points]
    breasts: tuple[Points, ...]


@dataclass(frozen=True)
class Projection:
    """Where a study puts the thorax on its image.

    Attributes:
        rows, columns: of the image.
        half_width: of the thorax, in pixels.
        center: pixel (column, row) of thorax point (0, 0.5).
        tilt: radians, clockwise.
    """

    rows: int
    columns: int
    half_width: float
    center: tuple[float, float]
    tilt: float

    def to_pixels(self, points: Points) -> Points:
        """Returns the pixel (column, row) of thorax points, both (n, 2)."""
        right, down = points[:, 0] * self.half_width, (points[:, 1] - 0.5) * LUNG_HEIGHT * self.half_width
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        return np.stack([self.center[0] + right * cos - down * sin, self.center[1] + right * sin + down * cos], axis=1)


def grow_anatomy(rng: np.random.Generator, *, sex: str) -> Anatomy:
    """Returns one patient's anatomy: the same plan for all, with every corner a little elsewhere."""
    lungs = tuple(_smooth(_jittered(_sided(_LUNG, side), rng, 0.014)) for side in (-1, 1))
    return Anatomy(
        lungs=(lungs[0], lungs[1]),
        trunk=_smooth(_mirrored(_jittered(np.array(_TRUNK), rng, 0.02))),
        mediastinum=_smooth(_mirrored(_jittered(np.array(_MEDIASTINUM), rng, 0.015))),
        abdomen=(_smooth(_sided(_ABDOMEN, -1)), _smooth(_sided(_ABDOMEN, 1))),
        heart=_heart(rng),
        rib_curves=_ribs(rng),
        anterior_curves=_anterior_ribs(rng),
        clavicles=_clavicles(rng),
        breasts=tuple(_ellipse((0.5 * side, 0.86), (0.34, 0.19)) for side in (-1, 1)) if sex == "F" else (),
    )


def draw_chest(
    anatomy: Anatomy, projection: Projection, rng: np.random.Generator, *, view: Literal["PA", "AP"]
) -> tuple[Image, Image]:
    """Returns the densities of a chest without lesions, and how much of each pixel lies over lung.

    Args:
        anatomy: the patient.
        projection: size and position.
        rng: draws vessels, scars and texture, which differ from study to study.
        view: an AP film shows a larger heart and higher clavicles.

    Returns:
        Two (rows, columns) images: density, about 0..1, and the lungs, 0..1.
    """
    lungs = _filled(anatomy.lungs, projection, softness=0.012)
    heart_scale = 1.14 if view == "AP" else 1.0
    heart = (anatomy.heart - _HEART_CENTER) * heart_scale + _HEART_CENTER
    density = 0.56 * _filled([anatomy.trunk], projection, softness=0.035) - 0.34 * lungs
    density += 0.15 * _filled([anatomy.mediastinum], projection, softness=0.02)
    density += 0.17 * _filled([heart], projection, softness=0.02)
    density += 0.12 * _filled(anatomy.abdomen, projection, softness=0.03)
    density += _bones(anatomy, projection, view=view)
    if anatomy.breasts:
        density += 0.06 * _filled(anatomy.breasts, projection, softness=0.02)
    density += lungs * (_vessels(projection, rng) + _scars(projection, rng))
    density += _texture(projection, rng) * (0.35 + lungs)
    return np.maximum(density, 0.0, dtype=np.float32), lungs


def lung_points(anatomy: Anatomy, rng: np.random.Generator, count: int, *, margin: float) -> Points:
    """Returns random points over the lungs, (count, 2) in thorax coordinates, uniform over their area.

    Args:
        anatomy: the patient.
        rng: draws the points.
        count: how many.
        margin: least distance from a lung's outline, in half widths of the thorax.
    """
    found: list[Points] = []
    scale = np.array([1.0, LUNG_HEIGHT])
    outlines = [(lung * scale).astype(np.float32) for lung in anatomy.lungs]
    while len(found) < count:
        point = rng.uniform((-1.0, 0.0), (1.0, 1.05))
        where = tuple(float(value) for value in point * scale)
        if any(cv2.pointPolygonTest(outline, where, measureDist=True) >= margin for outline in outlines):
            found.append(point)
    return np.array(found)


def _sided(corners: Sequence[tuple[float, float]], side: int) -> Points:
    return np.array(corners, np.float64) * (side, 1)


def _mirrored(half: Points) -> Points:
    """Returns the closed outline of a half outline and its mirror image."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def _jittered(points: Points, rng: np.random.Generator, deviation: float) -> Points:
    return points + rng.normal(0, deviation, points.shape)


def _smooth(corners: Points, *, rounds: int = 3) -> Points:
    """Returns a closed outline with its corners cut (Chaikin 1974), 2**rounds times as many points."""
    for _ in range(rounds):
        following = np.roll(corners, -1, axis=0)
        cut = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], axis=1)
        corners = cut.reshape(-1, 2)
    return corners


def _ellipse(center: tuple[float, float], axes: tuple[float, float], *, turn: float = 0.0) -> Points:
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    x, y = axes[0] * np.cos(angle), axes[1] * np.sin(angle)
    return np.stack(
        [center[0] + x * np.cos(turn) - y * np.sin(turn), center[1] + x * np.sin(turn) + y * np.cos(turn)], axis=1
    )


def _heart(rng: np.random.Generator) -> Points:
    size = rng.uniform(0.88, 1.12)
    return _ellipse(_HEART_CENTER, (_HEART_AXES[0] * size, _HEART_AXES[1] * size), turn=rng.uniform(0.15, 0.4))


def _ribs(rng: np.random.Generator) -> tuple[Points, ...]:
    t = np.linspace(0, 1, 16)
    slope, spacing = rng.uniform(0.06, 0.14), rng.uniform(0.098, 0.110)
    return tuple(
        np.stack([side * (0.09 + 0.80 * t), spacing * rib - 0.02 - 0.06 * np.sin(np.pi * t) + slope * t**2], axis=1)
        for rib in range(_RIBS)
        for side in (-1, 1)
    )


def _anterior_ribs(rng: np.random.Generator) -> tuple[Points, ...]:
    t = np.linspace(0, 1, 12)
    slope, spacing = rng.uniform(0.10, 0.18), rng.uniform(0.10, 0.12)
    return tuple(
        np.stack([side * (0.88 - 0.50 * t), spacing * rib + 0.10 + slope * np.sin(0.5 * np.pi * t)], axis=1)
        for rib in range(6)
        for side in (-1, 1)
    )


def _clavicles(rng: np.random.Generator) -> tuple[Points, Points]:
    t, rise = np.linspace(0, 1, 12), rng.uniform(0.03, 0.11)
    left, right = (
        np.stack([side * (0.10 + 0.85 * t), 0.10 - rise * t + 0.02 * np.sin(2 * np.pi * t)], axis=1) for side in (-1, 1)
    )
    return left, right


def _bones(anatomy: Anatomy, projection: Projection, *, view: Literal["PA", "AP"]) -> Image:
    rise = np.array([0.0, -0.05 if view == "AP" else 0.0])
    bones = 0.085 * _stroked(anatomy.rib_curves, projection, width=0.055)
    bones += 0.045 * _stroked(anatomy.anterior_curves, projection, width=0.07)
    bones += 0.13 * _stroked([curve + rise for curve in anatomy.clavicles], projection, width=0.06)
    steps = np.arange(-0.4, 1.6, 0.1)
    vertebrae = [_ellipse((0.0, y), (0.105, 0.038)) for y in steps]
    return np.asarray(bones + 0.07 * _filled(vertebrae, projection, softness=0.012))


def _vessels(projection: Projection, rng: np.random.Generator) -> Image:
    """Returns branches that run from both hila outwards, and the dots of those that run along the beam."""
    t = np.linspace(0, 1, 10)[:, np.newaxis]
    curves = []
    for side in (-1, 1):
        for angle in np.linspace(-1.2, 1.3, 9) + rng.normal(0, 0.1, 9):
            reach, bend = rng.uniform(0.35, 0.65), rng.normal(0, 0.08)
            end = np.array([side * reach * np.cos(angle), reach * np.sin(angle) / LUNG_HEIGHT])
            across = np.array([-end[1], end[0]])
            curves.append(np.array([0.17 * side, 0.46]) + t * end + bend * np.sin(np.pi * t) * across)
    stems = [curve[:5] for curve in curves]
    dots = [_ellipse((x, y), (0.012, 0.012 / LUNG_HEIGHT)) for x, y in rng.uniform((-0.8, 0.1), (0.8, 0.9), (8, 2))]
    vessels = 0.05 * _stroked(curves, projection, width=0.012) + 0.06 * _stroked(stems, projection, width=0.03)
    return np.asarray(vessels + 0.08 * _filled(dots, projection, softness=0.004))


def _scars(projection: Projection, rng: np.random.Generator) -> Image:
    """Returns up to three band-like opacities: bright, as a lesion is, but long and thin."""
    t = np.linspace(-0.5, 0.5, 8)[:, np.newaxis]
    curves = []
    for _ in range(rng.choice(4, p=(0.45, 0.3, 0.15, 0.1))):
        angle, length = rng.uniform(0, np.pi), rng.uniform(0.2, 0.5)
        middle = np.array([rng.choice((-1, 1)) * rng.uniform(0.25, 0.75), rng.uniform(0.15, 0.85)])
        curves.append(middle + t * length * np.array([np.cos(angle), np.sin(angle) / LUNG_HEIGHT]))
    if not curves:
        return np.zeros((projection.rows, projection.columns), np.float32)
    return 0.10 * _stroked(curves, projection, width=0.02)


def _texture(projection: Projection, rng: np.random.Generator) -> Image:
    """Returns coarse and fine mottle with mean 0: lungs are not even."""
    size = (projection.columns, projection.rows)
    coarse = cv2.resize(rng.standard_normal((9, 9), np.float32), size, interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(rng.standard_normal((40, 40), np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(0.018 * coarse + 0.009 * fine)


def _filled(outlines: Sequence[Points], projection: Projection, *, softness: float) -> Image:
    """Returns 1 inside the outlines and 0 outside; `softness` (half widths of the thorax) blurs the edge."""
    canvas = np.zeros((projection.rows, projection.columns), np.uint8)
    for outline in _fixed_point(outlines, projection):
        cv2.fillPoly(canvas, [outline], (255,), cv2.LINE_AA, _SUBPIXEL_BITS)
    return _blurred(canvas, softness * projection.half_width)


def _stroked(curves: Sequence[Points], projection: Projection, *, width: float) -> Image:
    """Returns 1 on the curves and 0 off them; `width` is in half widths of the thorax."""
    canvas = np.zeros((projection.rows, projection.columns), np.uint8)
    thickness = max(1, round(width * projection.half_width))
    lines = _fixed_point(curves, projection)
    cv2.polylines(canvas, lines, False, (255,), thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    return _blurred(canvas, 0.2 * thickness)


def _fixed_point(curves: Sequence[Points], projection: Projection) -> list[NDArray[np.int32]]:
    """Returns curves in pixels times 2**_SUBPIXEL_BITS, as OpenCV draws them between pixels."""
    pixels = projection.to_pixels(np.concatenate(curves)) * 2**_SUBPIXEL_BITS
    return np.split(np.rint(pixels).astype(np.int32), np.cumsum([len(curve) for curve in curves])[:-1])


def _blurred(canvas: NDArray[np.uint8], sigma: float) -> Image:
    # In 8 bits, several times faster than in floating point: a step of 1/255 is well below the noise of a film.
    return cv2.GaussianBlur(canvas, (0, 0), max(sigma, 0.3)).astype(np.float32) / np.float32(255)
