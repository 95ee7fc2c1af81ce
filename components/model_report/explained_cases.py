"""Small pictures of test images with their heatmaps, as the exported model explains them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from components.model_report.chosen_cases import RULE, ChosenCase, TestCases, choose
from components.model_report.records import feature, with_ids
from data_schemas import features
from data_schemas.errors import Corrupt
from data_schemas.image_settings import Intensity
from data_schemas.task import Labels
from imaging.crop import Box
from imaging.intensity import FULL_SCALE, HOUNSFIELD_OFFSET
from imaging.overlay import overlaid
from imaging.source_geometry import SourceGeometry, to_source
from reports.report_data import Gallery, GalleryCase

LONGEST_SIDE = 160
"""Pixels: enough to see where a map points, too few to know a person by or to read a film from."""
_QUALITY = 80
_BATCH = 16

Explain = Callable[[Sequence[bytes], Sequence[int]], NDArray[np.float32]]
"""From serialized examples, and for each the index of a label, to heatmaps (examples, rows, columns)."""


def explained_gallery(
    explain: Explain,
    cases: TestCases,
    test_split: Path,
    *,
    labels: Labels,
    points: Mapping[str, float],
    intensity: Intensity,
    left_out: frozenset[str] = frozenset(),
) -> Gallery:
    """Returns the gallery of a test split.

    Args:
        explain: the model's signature.
        cases: as the Evaluator left them.
        test_split: folder of the records.
        labels: the task's.
        intensity: the task's, which says how an image is shown.
        points: operating point by finding.
        left_out: ids of images that must not be shown.
    """
    chosen, counts = choose(cases, labels, points, left_out=left_out)
    records = with_ids(test_split, {str(cases.example_ids[one.index]) for one in chosen})
    shown = [one for one in chosen if str(cases.example_ids[one.index]) in records]
    found: list[GalleryCase] = []
    for start in range(0, len(shown), _BATCH):
        batch = shown[start : start + _BATCH]
        asked = [records[str(cases.example_ids[one.index])] for one in batch]
        heatmaps = explain(asked, [labels.names.index(one.finding) for one in batch])
        found += [
            _case(one, cases, record, heatmap, labels=labels, intensity=intensity)
            for one, record, heatmap in zip(batch, asked, heatmaps, strict=True)
        ]
    return Gallery(RULE, counts, found)


def _case(
    chosen: ChosenCase,
    cases: TestCases,
    record: bytes,
    heatmap: NDArray[np.float32],
    *,
    labels: Labels,
    intensity: Intensity,
) -> GalleryCase:
    image = displayed(feature(record, features.IMAGE).bytes_list.value[0], intensity)
    return GalleryCase(
        finding=chosen.finding,
        outcome=chosen.outcome,
        score=float(cases.scores[chosen.index, labels.names.index(chosen.finding)]),
        row=int(next(iter(feature(record, features.MANIFEST_ROW).int64_list.value), 0)),
        name=str(cases.example_ids[chosen.index]),
        picture=picture(image, heatmap),
    )


def displayed(png: bytes, intensity: Intensity) -> NDArray[np.uint8]:
    """Returns a canonical image as a task shows it, uint8 (rows, columns); CT in the first of its windows.

    Raises:
        Corrupt: it is no PNG.
    """
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise Corrupt("a record's image cannot be decoded")
    black, white = 0.0, float(FULL_SCALE)
    if intensity.windows:
        window = intensity.windows[0]
        black = HOUNSFIELD_OFFSET + window.center - window.width / 2
        white = black + window.width
    return np.asarray(np.rint(((pixels.astype(np.float32) - black) / (white - black)).clip(0, 1) * 255), np.uint8)


def picture(image: NDArray[np.uint8], heatmap: NDArray[np.float32]) -> bytes:
    """Returns a JPEG of an image and, to its right, the same under its heatmap with a legend.

    Args:
        image: uint8 (rows, columns).
        heatmap: float32 over the network's input, 0..1.
    """
    rows, columns = image.shape
    scale = min(1.0, LONGEST_SIDE / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    whole = Box(0, size[1], 0, size[0])
    over_image = to_source(heatmap, SourceGeometry(size[1], size[0], whole, rows, columns))
    plain = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    beside = np.hstack([plain, np.full((size[1], 4, 3), 255, np.uint8), overlaid(small, over_image)])
    done, encoded = cv2.imencode(".jpg", beside, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    if not done:
        raise Corrupt("a picture of the gallery cannot be written as JPEG")
    return encoded.tobytes()
