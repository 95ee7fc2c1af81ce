"""Numbers that describe a canonical image: what data checks look at, and the moments that normalization needs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from data_schemas import features
from data_schemas.image_settings import Intensity, Window
from imaging.intensity import FULL_SCALE, HOUNSFIELD_OFFSET

Histogram = NDArray[np.int64]


def quality_features(image: NDArray[np.uint16], intensity: Intensity) -> dict[str, list[float]]:
    """Returns the float features of an image by their names in `data_schemas.features`.

    Args:
        image: canonical, (rows, columns) uint16.
        intensity: its windows are the network's channels.
    """
    values = image.astype(np.float32)
    mean, deviation = _mean_and_deviation(values)
    channels = _window_moments(image, intensity) or [(mean, deviation**2 + mean**2)]
    return {
        features.MEAN: [mean],
        features.STANDARD_DEVIATION: [deviation],
        features.SATURATION: [_saturation(image)],
        features.BORDER_SHARE: [border_share(image)],
        features.SHARPNESS: [sharpness(values)],
        features.CHANNEL_MEAN: [first for first, _ in channels],
        features.CHANNEL_MEAN_SQUARE: [second for _, second in channels],
    }


def window_values(window: Window) -> NDArray[np.float64]:
    """Returns what a CT window shows of each of the 65,536 canonical values, 0..1."""
    hounsfield = np.arange(FULL_SCALE + 1) - float(HOUNSFIELD_OFFSET)
    return ((hounsfield - (window.center - window.width / 2)) / window.width).clip(0, 1)


def border_share(image: NDArray[np.uint16]) -> float:
    """Returns the share of rows and columns that are constant, counted from the edges inwards, 0..1."""
    rows, columns = _constant_at_edges(image), _constant_at_edges(image.T)
    return (rows + columns) / sum(image.shape)


def sharpness(image: NDArray[np.uint16] | NDArray[np.float32]) -> float:
    """Returns the standard deviation of the 3 x 3 Laplacian, over 65535; near 0 for a blurred or empty image."""
    return _mean_and_deviation(np.asarray(cv2.Laplacian(image.astype(np.float32, copy=False), cv2.CV_32F), np.float32))[
        1
    ]


def _mean_and_deviation(values: NDArray[np.float32]) -> tuple[float, float]:
    """Returns the mean and the standard deviation, over 65535. Both sums are float64; `cv2.meanStdDev` is slower."""
    mean = cv2.sumElems(values)[0] / values.size
    variance = cv2.norm(values, cv2.NORM_L2SQR) / values.size - mean**2
    return mean / FULL_SCALE, max(0.0, variance) ** 0.5 / FULL_SCALE


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
    ends = {int(image.min()), int(image.max())}
    return sum(int(np.count_nonzero(image == end)) for end in ends) / image.size


def _constant_at_edges(image: NDArray[np.uint16]) -> int:
    """Returns how many rows are constant before the first and after the last one that is not."""
    if (image[0] != image[0, 0]).any() and (image[-1] != image[-1, 0]).any():
        return 0  # most images, for which no other row need be looked at
    varying = np.flatnonzero((image != image[:, :1]).any(axis=1))
    return len(image) - 1 - int(varying[-1]) + int(varying[0]) if len(varying) else len(image)
