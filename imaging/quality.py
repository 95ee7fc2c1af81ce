"""Numbers that describe a canonical image: what data checks look at, and the moments that normalization needs."""

from __future__ import annotations

from typing import Any

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
    mean, deviation = _mean_and_deviation(image)
    channels = _window_moments(image, intensity) or [(mean, deviation**2 + mean**2)]
    return {
        features.MEAN: [mean],
        features.STANDARD_DEVIATION: [deviation],
        features.SATURATION: [_saturation(image)],
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
    return _mean_and_deviation(cv2.Laplacian(image, cv2.CV_32F))[1]


def _mean_and_deviation(values: NDArray[Any]) -> tuple[float, float]:
    """Returns the mean and the standard deviation, over 65535."""
    mean, deviation = cv2.meanStdDev(values)
    return float(mean[0, 0]) / FULL_SCALE, float(deviation[0, 0]) / FULL_SCALE


def _window_moments(image: NDArray[np.uint16], intensity: Intensity) -> list[tuple[float, float]]:
    """Returns the mean and the mean square of what each CT window shows, from one histogram of the 65,536 values."""
    if not intensity.windows:
        return []
    histogram = np.bincount(image.ravel(), minlength=FULL_SCALE + 1)
    return [_moments(histogram, window_values(window)) for window in intensity.windows]


def _moments(histogram: Histogram, values: NDArray[np.float64]) -> tuple[float, float]:
    # No `@`: BLAS would start threads for these 65,536 products and wait for cores that decode other images.
    weighted = histogram * values
    total = histogram.sum()
    return float(weighted.sum() / total), float((weighted * values).sum() / total)


def _saturation(image: NDArray[np.uint16]) -> float:
    lowest, highest, _, _ = cv2.minMaxLoc(image)
    ends = sum(np.count_nonzero(image == end) for end in {lowest, highest})
    return ends / image.size


def _run_at_edges(constant: NDArray[np.bool_]) -> int:
    varying = np.flatnonzero(~constant)
    if not len(varying):
        return len(constant)
    return int(varying[0]) + len(constant) - 1 - int(varying[-1])
