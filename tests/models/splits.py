"""Small splits for trainings in tests."""

from __future__ import annotations

import numpy as np

from models.split_data import SplitData

SIZE = 32


def quarter_split(seed: int, count: int = 48) -> SplitData:
    """Returns images of 32 x 32 pixels in noise, whose bright quarter tells which of three labels they have."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    images = rng.random((count, SIZE, SIZE, 1), np.float32) * 0.6
    for image, label in zip(images, labels, strict=True):
        image[: SIZE // 2, : SIZE // 2] += 0.2 * label
    names = tuple(map(str, range(count)))
    return SplitData(images, labels, names, names)
