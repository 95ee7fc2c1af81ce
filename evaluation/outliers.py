"""Images whose measures lie far from the others'."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import Floats

FAR = 8.0
"""Robust standard deviations from the median; of normal values one in 10**15 lies so far out."""

MOST = 0.02
"""Share of images beyond which those far out are no outliers: the measure has a long tail, or the data two kinds."""

_MAD_TO_DEVIATION = 1.4826
"""Of normal values, the standard deviation over the median absolute deviation."""


def far_out(values: Floats) -> NDArray[np.bool_]:
    """Returns which values lie more than `FAR` robust standard deviations from the median (Iglewicz and Hoaglin, 1993).

    Args:
        values: float64 (images,); nan is never far out. Where half of them are equal, none is: they have no scale. Nor
            is any where more than `MOST` of them would be.
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return np.zeros(len(values), np.bool_)
    median = np.median(known)
    scale = _MAD_TO_DEVIATION * np.median(np.abs(known - median))
    if scale <= 0:
        return np.zeros(len(values), np.bool_)
    far = np.asarray(np.abs(values - median) > FAR * scale)
    return far if far.mean() <= MOST else np.zeros_like(far)
