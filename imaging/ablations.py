"""Takes away what no disease shows in but a network may read: the border, the corners, text burnt into the picture.

Nothing that is put in its place may depend on what was there. The median of a corner with a bright mark in it is a
little higher than without, and AUROC, which sees nothing but order, would find the mark again. So the border and the
corners become black, as under a collimator, and text becomes the gray around it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.burned_in_text import TextLine, text_lines
from imaging.display import Display
from imaging.intensity import FULL_SCALE

Image = NDArray[np.uint16]


def without_border(image: Image, share: float, display: Display) -> Image:
    """Returns an image whose outer strip is black.

    Args:
        image: canonical, uint16 (rows, columns).
        share: the strip's width over the shorter side, 0..0.5; at least a pixel is taken.
        display: what the task shows.
    """
    width = max(1, round(share * min(image.shape)))
    changed = np.full_like(image, _black(display))
    changed[width:-width, width:-width] = image[width:-width, width:-width]
    return changed


def without_corners(image: Image, share: float, display: Display) -> Image:
    """Returns an image whose four corners are black.

    Args:
        image: canonical, uint16 (rows, columns).
        share: height and width of a corner over the image's, 0..0.5; at least a pixel is taken.
        display: what the task shows.
    """
    rows, columns = (max(1, round(share * size)) for size in image.shape)
    changed = image.copy()
    for vertical in (slice(0, rows), slice(-rows, None)):
        for horizontal in (slice(0, columns), slice(-columns, None)):
            changed[vertical, horizontal] = _black(display)
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


def _black(display: Display) -> np.uint16:
    return np.uint16(max(0.0, min(display.black, float(FULL_SCALE))))


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
