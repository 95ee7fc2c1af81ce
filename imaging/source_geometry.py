"""From the network's rows and columns back to those of the image that a file holds.

Pixel centres lie at half pixels: pixel (r, c) covers rows r to r + 1 and columns c to c + 1, and its centre is at
(r + 0.5, c + 0.5). `cv2.resize` and `tf.image.resize` count so, for INTER_AREA, INTER_LINEAR and antialiased bilinear
alike: whatever the sizes, the outer edges of an image are the outer edges of the resized one. On the way to the network
an image is cut out, resized (twice, each axis by its own factor) and padded, nothing else; so where a part of the image
goes follows from three sizes and two boxes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.crop import Box

Heatmap = NDArray[np.float32]


@dataclass(frozen=True)
class SourceGeometry:
    """How the canonical image lies in its source.

    Attributes:
        rows, columns: of the source frame, as stored; of a PNG, JPEG or NIfTI file as it is shown, turned by its Exif
            orientation or affine.
        crop: the part of the source that the canonical image shows.
        canonical_rows, canonical_columns: of the canonical image, whose pixels are square.
    """

    rows: int
    columns: int
    crop: Box
    canonical_rows: int
    canonical_columns: int


def to_source(heatmap: Heatmap, geometry: SourceGeometry) -> Heatmap:
    """Returns a map over the network's input as a map over the source image.

    Padding is dropped, and the rest interpolated linearly between pixel centres (averaged over areas where the source
    has fewer pixels). Values keep their range.

    Args:
        heatmap: float32 (rows, columns) of the network's input, as the signatures `explain` and
            `explain_integrated_gradients` return it for one image.
        geometry: of the image that was explained.

    Returns:
        float32 (rows, columns) of the source; 0 wherever the network did not look because it was cropped off.
    """
    seen = content_box(geometry, heatmap.shape)
    inside = np.asarray(heatmap[seen.top : seen.bottom, seen.left : seen.right], np.float32)
    crop = geometry.crop
    source = np.zeros((geometry.rows, geometry.columns), np.float32)
    source[crop.top : crop.bottom, crop.left : crop.right] = _resized(
        inside, crop.bottom - crop.top, crop.right - crop.left
    )
    return source


def to_network(row: float, column: float, *, geometry: SourceGeometry, size: tuple[int, ...]) -> tuple[float, float]:
    """Returns where a point of the source lies in the network's input.

    Args:
        row: in pixels of the source, 0 being the centre of the first, as `lesions.csv` counts.
        column: likewise.
        geometry: of the image.
        size: (rows, columns) of the network's input, `image.size` of the task.

    Returns:
        Row and column in pixels of the input, (0, 0) being the centre of its first one; beyond it for what was cropped
        off.
    """
    seen, crop = content_box(geometry, size), geometry.crop
    down = (row + 0.5 - crop.top) / (crop.bottom - crop.top)
    right = (column + 0.5 - crop.left) / (crop.right - crop.left)
    return (
        seen.top + down * (seen.bottom - seen.top) - 0.5,
        seen.left + right * (seen.right - seen.left) - 0.5,
    )


def content_box(geometry: SourceGeometry, size: tuple[int, ...]) -> Box:
    """Returns the part of the network's input that is image and not padding.

    Where `models.image_graph` puts it: as large as it fits, sides rounded down but never to nothing, in the middle.

    Args:
        geometry: of the image.
        size: (rows, columns) of the network's input.
    """
    rows, columns = size
    height = min(max(geometry.canonical_rows * columns // geometry.canonical_columns, 1), rows)
    width = min(max(geometry.canonical_columns * rows // geometry.canonical_rows, 1), columns)
    top, left = (rows - height) // 2, (columns - width) // 2
    return Box(top, top + height, left, left + width)


def _resized(heatmap: Heatmap, rows: int, columns: int) -> Heatmap:
    """Returns a map of another size: first what shrinks, by area, then what grows, linearly."""
    smaller = (min(columns, heatmap.shape[1]), min(rows, heatmap.shape[0]))
    averaged = cv2.resize(heatmap, smaller, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(averaged, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
