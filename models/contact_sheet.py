"""A picture of what augmentation does: some training images, each beside changed copies of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from data_schemas.task import Task
from models.augmentation import make_augment, make_mixup
from models.losses import to_targets
from models.split_data import SplitData

_IMAGES, _COPIES = 6, 7
_SIDE = 112
_GAP = 4


def write_contact_sheet(path: Path, split: SplitData, task: Task) -> None:
    """Writes a PNG with a row an image, the first in each as it is and the others as training sees it.

    Args:
        path: the file.
        split: what is trained on; as many images of each label as there is room for are drawn from it.
        task: its augmentation and seed.
    """
    chosen = _chosen(split, task)
    rows = [split.images[chosen]]
    targets = to_targets(split.labels, task=task)[chosen]
    augment, mix = make_augment(task.training.augmentation), make_mixup(task.training.augmentation)
    for copy in range(_COPIES):
        seed = tf.constant([task.training.seed, copy], tf.int64)
        rows.append(mix(augment(split.images[chosen], seed), targets, seed)[0])
    copies = np.stack([_shrunk(row) for row in rows])  # (copies, images, side, side)
    framed = np.pad(copies, [(0, 0), (0, 0), (0, _GAP), (0, _GAP)], constant_values=255)
    sheet = framed.transpose(1, 2, 0, 3).reshape(framed.shape[1] * framed.shape[2], -1)
    path.write_bytes(tf.io.encode_png(sheet[..., None]).numpy())


def _chosen(split: SplitData, task: Task) -> np.ndarray:
    """Returns rows of the split, label by label in turn, so that a rare label is seen too."""
    present = to_targets(split.labels, task=task) > 0
    rng = np.random.default_rng(task.training.seed)
    order = rng.permutation(len(split))
    of_label = [order[present[order, index]] for index in range(present.shape[1])]
    in_turn = [row[place] for place in range(len(split)) for row in of_label if place < len(row)]
    return np.array(list(dict.fromkeys([*in_turn, *order]))[:_IMAGES])


def _shrunk(images: np.ndarray) -> np.ndarray:
    """Returns uint8 (n, side, side): the first channel, from its own darkest to its brightest where it leaves 0..1."""
    first = tf.image.resize(images[..., :1], (_SIDE, _SIDE), method="area").numpy()[..., 0]
    low, high = min(0.0, float(first.min())), max(1.0, float(first.max()))
    shrunk: np.ndarray = np.rint((first - low) / (high - low) * 255).astype(np.uint8)
    return shrunk
