"""A heatmap over the image that it explains, in colours, for people to look at."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data_schemas.task import Task
from imaging.intensity import FULL_SCALE, HOUNSFIELD_OFFSET, canonical_values
from imaging.source import SourceImage
from imaging.source_geometry import Heatmap

Gray = NDArray[np.uint8]
Colour = NDArray[np.uint8]

_STRONGEST = 0.6
"""Weight of the colour where the heatmap is 1: the film stays visible under it."""
_LEGEND_SHARE = 12
"""The legend is as wide as the image over this."""
_TEXT_HEIGHT = 22.0
"""Pixels of a digit that OpenCV writes at scale 1."""


def rendered(source: SourceImage, task: Task) -> Gray:
    """Returns a whole source frame as a task shows it, uint8 (rows, columns); CT in the first of the task's windows.

    Ranges and percentiles are those of the whole frame, also where the task crops.

    Raises:
        Unsupported: as `imaging.intensity.canonical_values`.
    """
    values = canonical_values(source.pixels, source.presentation, task.intensity).astype(np.float32)
    black, white = 0.0, float(FULL_SCALE)
    if task.intensity.windows:
        window = task.intensity.windows[0]
        black = HOUNSFIELD_OFFSET + window.center - window.width / 2
        white = black + window.width
    return np.asarray(np.rint(((values - black) / (white - black)).clip(0, 1) * 255), np.uint8)


def overlaid(image: Gray, heatmap: Heatmap) -> Colour:
    """Returns an image under a heatmap, with a legend to its right.

    Colours are OpenCV's INFERNO, whose brightness rises with the value for every kind of colour vision. The higher the
    value, the less of the image shows through; where it is 0 the image is as it was.

    Args:
        image: uint8 (rows, columns).
        heatmap: float32 (rows, columns), 0..1.

    Returns:
        uint8 (rows, columns + legend, 3), BGR as OpenCV writes it. The first columns are those of the image.
    """
    rows, columns = image.shape
    return np.hstack([_blended(image, heatmap), _legend(rows, max(8, columns // _LEGEND_SHARE))])


def _blended(image: Gray, heatmap: Heatmap) -> Colour:
    colours = cv2.applyColorMap(np.rint(heatmap * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    weight: NDArray[Any] = _STRONGEST * heatmap[..., None]
    return np.asarray(np.rint((1 - weight) * image[..., None] + weight * colours), np.uint8)


def _legend(rows: int, columns: int) -> Colour:
    """Returns a bar of the colours over black, 1 above and 0 below, with both numbers written beside it."""
    bar = np.zeros((rows, columns), np.float32)
    bar[:, columns // 4 : columns // 2] = np.linspace(1, 0, rows, dtype=np.float32)[:, None]
    legend = _blended(np.zeros((rows, columns), np.uint8), bar)
    height = min(columns // 2, rows // 4)
    for text, bottom in (("1", height + 1), ("0", rows - 2)):
        at = (columns // 2 + 2, bottom)
        cv2.putText(legend, text, at, cv2.FONT_HERSHEY_SIMPLEX, height / _TEXT_HEIGHT, (255, 255, 255), 1, cv2.LINE_AA)
    return legend
