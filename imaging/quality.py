"""Numbers that describe a canonical image: what data checks look at, and the moments that normalization needs.

All but sharpness come from one histogram of the 65,536 values, which is exact and costs one pass.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from data_schemas import features
from data_schemas.task import Intensity, Window
from imaging.intensity import FULL_SCALE, HOUNSFIELD_OFFSET

Histogram = NDArray[np.int64]


def quality_features(image: NDArray[np.uint16], intensity: Intensity) -> dict[str, list[float]]:
    """Returns the float features of an image by their names in `data_schemas.features`.

    Args:
        image: canonical, (rows, columns) uint16.
        intensity: its windows are the network's channels.
    """
    histogram = np.bincount(image.ravel(), minlength=FULL_SCALE + 1)
    unit = np.arange(FULL_SCALE + 1) / FULL_SCALE
    mean, mean_square = _moments(histogram, unit)
    channels = [_moments(histogram, channel) for channel in _channels(unit, intensity)]
    return {
        features.MEAN: [mean],
        features.STANDARD_DEVIATION: [max(0.0, mean_square - mean**2) ** 0.5],
        features.SATURATION: [_saturation(histogram)],
        features.BORDER_SHARE: [border_share(image)],
        features.SHARPNESS: [sharpness(image)],
        features.CHANNEL_MEAN: [first for first, _ in channels],
        features.CHANNEL_MEAN_SQUARE: [second for _, second in channels],
    }


def window_values(window: Window) -> NDArray[np.float64]:
    """Returns what a CT window shows of each of the 65,536 canonical values, 0..1."""
    hounsfield = np.arange(FULL_SCALE + 1) - float(HOUNSFIELD_OFFSET)
    return ((hounsfield - (window.center - window.width / 2)) / window.width).clip(0, 1)


def border_share(image: NDArray[np.uint16]) -> float:
    """Returns the share of rows and columns that are constant, counted from the edges inwards, 0..1."""
    rows = (image == image[:, :1]).all(axis=1)
    columns = (image == image[:1, :]).all(axis=0)
    return (_run_at_edges(rows) + _run_at_edges(columns)) / (len(rows) + len(columns))


def sharpness(image: NDArray[np.uint16]) -> float:
    """Returns the standard deviation of the 3 x 3 Laplacian, over 65535; near 0 for a blurred or empty image."""
    _, deviation = cv2.meanStdDev(cv2.Laplacian(image, cv2.CV_32F))
    return float(deviation[0, 0]) / FULL_SCALE


def _channels(unit: NDArray[np.float64], intensity: Intensity) -> list[NDArray[np.float64]]:
    return [window_values(window) for window in intensity.windows] or [unit]


def _moments(histogram: Histogram, values: NDArray[np.float64]) -> tuple[float, float]:
    """Returns the mean and the mean square of `values[image]`."""
    # No `@`: BLAS would start threads for these 65,536 products and wait for cores that decode other images.
    weighted = histogram * values
    total = histogram.sum()
    return float(weighted.sum() / total), float((weighted * values).sum() / total)


def _saturation(histogram: Histogram) -> float:
    occupied = np.flatnonzero(histogram)
    ends = {int(occupied[0]), int(occupied[-1])}
    return float(sum(histogram[end] for end in ends) / histogram.sum())


def _run_at_edges(constant: NDArray[np.bool_]) -> int:
    varying = np.flatnonzero(~constant)
    if not len(varying):
        return len(constant)
    return int(varying[0]) + len(constant) - 1 - int(varying[-1])
