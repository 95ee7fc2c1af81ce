"""Shape of the pixels, and what is cut off the image: decided from the header and the stored values alone."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset

from imaging.header_values import functional_group, numbers

_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
"""Each is vertical, then horizontal. The order is that of PS3.3, C.7.6.3.1.7: the ratio is for where no spacing is."""
_SQUARE = 0.01
"""Pixels that differ from a square by less are taken for square: spacings are rounded, and resampling blurs."""
_LONGEST = 10.0
"""A pixel more elongated than this is a broken header."""


def pixel_aspect(dataset: Dataset, index: int) -> float:
    """Returns the height of one frame's pixels over their width; 1.0 where the header is silent or broken.

    Pixel Spacing (0028,0030) goes before Imager Pixel Spacing (0018,1164), Nominal Scanned Pixel Spacing (0018,2010)
    and Pixel Aspect Ratio (0028,0034).
    """
    measures = functional_group(dataset, index, "PixelMeasuresSequence")
    for keyword in _SPACINGS:
        found = numbers(measures if keyword == "PixelSpacing" else dataset, keyword)
        if len(found) == 2 and found[0] and found[1] and min(found[0], found[1]) > 0:
            return plausible_aspect(found[0], found[1])
    return 1.0


def plausible_aspect(height: float, width: float) -> float:
    """Returns the height of a pixel over its width; 1.0 where they hardly differ, or more than pixels do."""
    if not (0 < height < math.inf and 0 < width < math.inf):
        return 1.0
    aspect = height / width
    return aspect if 1 / _LONGEST <= aspect <= _LONGEST and abs(aspect - 1) >= _SQUARE else 1.0
