"""What is cut off an image before it is rendered: constant borders, or what collimator and shutter cover."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from data_schemas.image_settings import Crop
from imaging.dicom_file import value
from imaging.header_values import functional_group, number, numbers

SMALLEST_SHARE = 0.25
"""Share of the image that must stay: what would cut off more is a broken header or an empty image, and cuts nothing."""


@dataclass(frozen=True)
class Box:
    """Rows `top` to `bottom` and columns `left` to `right`, from 0, the ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def area(self) -> int:
        """Pixels in it, 0 where the ends cross."""
        return max(0, self.bottom - self.top) * max(0, self.right - self.left)

    def within(self, other: Box) -> Box:
        """Returns what both have in common."""
        return Box(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )


def crop_box(pixels: NDArray[Any], policy: Crop, exposed: Box | None) -> Box:
    """Returns which part of an image a task wants to see.

    The same in training and serving: it depends on the stored values and the header alone. Both come before windows and
    percentiles, which are then of what stays.

    Policies:
        none: all of it.
        border: constant rows and columns at the edges are cut off, until each edge has two values. Borders that lossy
            compression made uneven stay.
        collimation: what the header says that collimator or shutter cover (`exposed_box`). Nothing is guessed from the
            pixels: an edge of the lung, an implant or a plate's rim can look like a collimator's.

    Args:
        pixels: (rows, columns), stored values.
        policy: the task's.
        exposed: of the same image.
    """
    whole = Box(0, pixels.shape[0], 0, pixels.shape[1])
    if policy == "none" or (policy == "collimation" and exposed is None):
        return whole
    box = _uneven_box(pixels, whole) if policy == "border" or exposed is None else exposed.within(whole)
    return whole if box.area < SMALLEST_SHARE * whole.area else box


def exposed_box(dataset: Dataset, index: int) -> Box | None:
    """Returns the smallest box around what a frame's collimators and shutters leave open, or None where none is given.

    X-Ray Collimator module (PS3.3, C.8.7.3) and Display Shutter module (C.7.6.11), each rectangular, circular or
    polygonal, or several of these; in enhanced objects the functional groups of the frame. Rows and columns of the
    header count from 1, and an edge belongs to what is open.
    """
    shutter = functional_group(dataset, index, "FrameDisplayShutterSequence")
    collimator = functional_group(dataset, index, "CollimatorShapeSequence")
    found: Box | None = None
    for box in (*_boxes(collimator, "Collimator"), *_boxes(shutter, "Shutter")):
        found = box if found is None else found.within(box)
    return found


def _boxes(dataset: Dataset, kind: str) -> Iterator[Box]:
    shapes = value(dataset, f"{kind}Shape") or []
    readers = {"RECTANGULAR": _rectangle, "CIRCULAR": _circle, "POLYGONAL": _polygon}
    for shape in [shapes] if isinstance(shapes, str) else shapes:
        reader = readers.get(str(shape).strip().upper())
        box = None if reader is None else reader(dataset, kind)
        if box is not None:
            yield box


def _rectangle(dataset: Dataset, kind: str) -> Box | None:
    names = ("UpperHorizontal", "LowerHorizontal", "LeftVertical", "RightVertical")
    edges = [number(dataset, f"{kind}{name}Edge") for name in names]
    known = [edge for edge in edges if edge is not None]
    return _box(*known) if len(known) == 4 else None


def _circle(dataset: Dataset, kind: str) -> Box | None:
    center, radius = numbers(dataset, f"CenterOfCircular{kind}"), number(dataset, f"RadiusOfCircular{kind}")
    if radius is None or len(center) != 2 or center[0] is None or center[1] is None:
        return None
    row, column = center[0], center[1]
    return _box(row - radius, row + radius, column - radius, column + radius)


def _polygon(dataset: Dataset, kind: str) -> Box | None:
    known = [one for one in numbers(dataset, f"VerticesOfThePolygonal{kind}") if one is not None]
    if len(known) < 6 or len(known) % 2:
        return None
    rows, columns = known[::2], known[1::2]
    return _box(min(rows), max(rows), min(columns), max(columns))


def _box(first_row: float, last_row: float, first_column: float, last_column: float) -> Box:
    return Box(round(first_row) - 1, round(last_row), round(first_column) - 1, round(last_column))


def _uneven_box(pixels: NDArray[Any], box: Box) -> Box:
    """Returns the box without constant rows and columns at its edges; empty for a constant image."""
    while box.area:
        part = pixels[box.top : box.bottom, box.left : box.right]
        rows = np.flatnonzero((part != part[:, :1]).any(axis=1))
        if not len(rows):
            return Box(0, 0, 0, 0)
        part = part[rows[0] : rows[-1] + 1]
        columns = np.flatnonzero((part != part[:1]).any(axis=0))
        if not len(columns):
            return Box(0, 0, 0, 0)
        top, left = box.top + int(rows[0]), box.left + int(columns[0])
        inner = Box(top, box.top + int(rows[-1]) + 1, left, box.left + int(columns[-1]) + 1)
        if inner == box:
            break
        box = inner
    return box
