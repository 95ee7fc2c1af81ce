"""Takes away what no disease shows in but a network may read: the border, the corners, text burnt into the picture.

Nothing that is put in its place may depend on what was there. The median of a corner with a bright mark in it is a
little higher than without, and AUROC, which sees nothing but order, would find the mark again. Nor may it draw an edge,
which a network may take for a finding. So the pixels next to it are carried on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.burned_in_text import TextLine, text_lines

Image = NDArray[np.uint16]


def without_border(image: Image, share: float) -> Image:
    """Returns an image whose outer strip is the nearest pixel inside of it.

    Args:
        image: canonical, uint16 (rows, columns).
        share: the strip's width over the shorter side, 0..0.5; at least a pixel is taken, if one is left.
    """
    rows, columns = image.shape
    width = min(max(1, round(share * min(rows, columns))), (min(rows, columns) - 1) // 2)
    inside = image[width : rows - width, width : columns - width]
    return np.asarray(cv2.copyMakeBorder(inside, width, width, width, width, cv2.BORDER_REPLICATE), np.uint16)


def without_corners(image: Image, share: float) -> Image:
    """Returns an image whose four corners go on as the pixels beside, above and below them begin.

    Args:
        image: canonical, uint16 (rows, columns).
        share: height and width of a corner over the image's, 0..0.5; at least a pixel is taken, if one is left.
    """
    changed = image.copy()
    for turned in (changed, changed[::-1], changed[:, ::-1], changed[::-1, ::-1]):
        rows, columns = (min(max(1, round(share * size)), (size - 1) // 2) for size in image.shape)
        turned[:rows, :columns] = _carried_on(turned, rows, columns)
    return changed


def without_text(image: Image) -> Image:
    """Returns an image in which each line of text is the median of a frame around it; without text, the image itself.

    `imaging.burned_in_text` finds the lines; those it misses stay.
    """
    lines = text_lines(image)
    if not lines:
        return image
    changed = image.copy()
    for line in lines:
        _cover(changed, line)
    return changed


def _carried_on(image: Image, rows: int, columns: int) -> NDArray[np.float64]:
    """Returns the upper left corner, made of the column to its right and the row below it, the nearer the stronger."""
    beside, below = image[:rows, columns, np.newaxis], image[rows, np.newaxis, :columns]
    away_from_beside = np.arange(columns, 0, -1)[np.newaxis, :]
    away_from_below = np.arange(rows, 0, -1)[:, np.newaxis]
    whole = away_from_beside + away_from_below
    return np.asarray(np.rint((beside * away_from_below + below * away_from_beside) / whole), np.float64)


def _cover(image: Image, line: TextLine) -> None:
    """Covers a line and its soft edges, in place; the frame is half a line high."""
    reach = max(2, (line.bottom - line.top) // 2)
    frame = image[_around(line, 2 * reach)]
    inner = np.zeros(image.shape, np.bool_)
    inner[_around(line, reach)] = True
    around = frame[~inner[_around(line, 2 * reach)]]
    image[inner] = np.median(around if around.size else frame)


def _around(line: TextLine, reach: int) -> tuple[slice, slice]:
    return (
        slice(max(0, line.top - reach), line.bottom + reach),
        slice(max(0, line.left - reach), line.right + reach),
    )
