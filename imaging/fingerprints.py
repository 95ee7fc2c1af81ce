"""Small descriptions of a canonical image that data checks compare: what it looks like, and what is at its border."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

THUMBNAIL_SIDE = 16
"""Rows and columns of `thumbnail`."""

_SIDE = 32
_FREQUENCIES = 8
_STRIP = 16
"""A border strip is one in so many of the rows or columns."""


def shrunk_to_compare(image: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Returns (32, 32) means of areas, of which hash and thumbnail are made: given to both, it is made once.

    Halving leaves out an odd last line, and costs a tenth of one resize.
    """
    while min(image.shape) >= 2 * _SIDE:
        rows, columns = (side // 2 for side in image.shape)
        image = _resized(image[: 2 * rows, : 2 * columns], (columns, rows))
    return _resized(image, (_SIDE, _SIDE))


def perceptual_hash(image: NDArray[np.uint16]) -> int:
    """Returns 64 bits of which few differ between images that look alike: the pHash of Zauner (2010).

    Each bit says whether one of the 8 x 8 lowest frequencies of the 32 x 32 thumbnail lies above their median; the mean
    of the image is none of them, so brightness does not count.

    Args:
        image: canonical, (rows, columns) uint16.
    """
    frequencies = cv2.dct(shrunk_to_compare(image).astype(np.float32))[:_FREQUENCIES, :_FREQUENCIES].ravel()
    frequencies[0] = 0
    median = np.partition(frequencies, len(frequencies) // 2)[len(frequencies) // 2]
    return int.from_bytes(np.packbits(frequencies > median).tobytes(), "big")


def thumbnail(image: NDArray[np.uint16]) -> bytes:
    """Returns 16 x 16 means of areas at 8 bits, row by row: what tells two images of a near hash apart.

    Args:
        image: canonical, (rows, columns) uint16.
    """
    small = _resized(shrunk_to_compare(image), (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return (small >> 8).astype(np.uint8).tobytes()


def border_features(image: NDArray[np.uint16]) -> list[float]:
    """Returns the mean and the standard deviation, 0..1, of strips at the border: top, bottom, left, right.

    A label that these alone predict is predicted by how the image was made or cropped, not by what is in it.

    Args:
        image: canonical, (rows, columns) uint16.
    """
    high, wide = (max(1, side // _STRIP) for side in image.shape)
    strips = (image[:high], image[-high:], image[:, :wide], image[:, -wide:])
    # OpenCV takes a quarter of the time that NumPy does for these.
    return [float(moment[0, 0]) / 65_535 for strip in strips for moment in cv2.meanStdDev(strip)]


def _resized(image: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.uint16]:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint16)
