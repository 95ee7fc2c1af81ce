"""One split, decoded once by the Transform graph and kept for every epoch: in RAM when it fits, else on disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from data_schemas import features
from data_schemas.task import Task

PROGRESS = logging.getLogger("radflow.progress")
_RAM_SHARE = 0.5
_READ_BATCH = 64


@dataclass(frozen=True)
class SplitData:
    """A split as arrays, in the order of its records.

    Attributes:
        images: float32 (n, rows, columns, channels); a memory map where RAM is short.
        labels: int64 (n,) index of the label, or float32 (n, labels) with -1 for unknown.
        example_ids: keyed hash of each image.
        patients: pseudonym of each image's patient.
    """

    images: np.ndarray
    labels: np.ndarray
    example_ids: tuple[str, ...]
    patients: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)


def load_split(
    patterns: Sequence[str], *, transform: tft.TFTransformOutput, task: Task, scratch: Path, name: str
) -> SplitData:
    """Returns a split, read and transformed once.

    Args:
        patterns: globs of its TFRecord files, as TFX's `FnArgs` names them.
        transform: the output of the Transform step.
        task: the task.
        scratch: a folder for the memory map, used where RAM is short.
        name: what the progress calls the split.

    Raises:
        ValueError: the split has no example.
    """
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    count = sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))
    if not count:
        raise ValueError(f"the split {name} has no example")
    images = _allocate((count, *task.image.size, task.channels), scratch / f"{name}.npy")
    labels, ids, patients, start = [], [], [], 0
    for batch in _batches(files, transform):
        stop = start + len(batch[features.EXAMPLE_ID])
        images[start:stop] = batch[features.TRANSFORMED_IMAGE]
        labels.append(batch[features.TRANSFORMED_LABEL])
        ids += [value.decode() for value in batch[features.EXAMPLE_ID].ravel()]
        patients += [value.decode() for value in batch[features.PATIENT].ravel()]
        start = stop
        PROGRESS.debug("reading %s: %d of %d images", name, stop, count)
    label = np.concatenate(labels)
    return SplitData(images, label[:, 0] if task.labels.type == "multi_class" else label, tuple(ids), tuple(patients))


def _batches(files: list[str], transform: tft.TFTransformOutput) -> Iterator[dict[str, np.ndarray]]:
    spec = transform.raw_feature_spec()
    layer = transform.transform_features_layer()

    def transformed(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        raw = tf.io.parse_example(serialized, spec)
        kept = {key: raw[key] for key in (features.EXAMPLE_ID, features.PATIENT)}
        return layer(raw) | kept

    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_READ_BATCH)
    yield from dataset.map(transformed, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2).as_numpy_iterator()


def _allocate(shape: tuple[int, ...], path: Path) -> np.ndarray:
    if np.prod(shape) * 4 < _RAM_SHARE * _available_bytes():
        return np.empty(shape, np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)


def _available_bytes() -> float:
    """Returns the RAM that is left to this process: the machine's, or the container's where that is less."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    machine = next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if not limit.is_file() or not used.is_file() or not limit.read_text().strip().isdecimal():
        return machine
    return min(machine, float(limit.read_text()) - float(used.read_text()))


def training_batches(split: SplitData, *, batch_size: int, seed: int, augment: Any) -> tf.data.Dataset:
    """Returns shuffled batches of (images, labels) for one epoch after the other, augmented as they are drawn.

    Args:
        split: what to draw from.
        batch_size: images a batch; the last one may be smaller.
        seed: fixes the order and the augmentation.
        augment: function of (images, int64 seed (2,)) to images.
    """
    order = tf.data.Dataset.range(len(split)).shuffle(len(split), seed=seed, reshuffle_each_iteration=True)
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    batches = tf.data.Dataset.zip((order.batch(batch_size), seeds))
    image_shape, label_dtype = split.images.shape[1:], split.labels.dtype

    def draw(indices: tf.Tensor, batch_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = tf.numpy_function(
            lambda rows: (split.images[rows], split.labels[rows]), [indices], (tf.float32, label_dtype)
        )
        images = tf.ensure_shape(images, (None, *image_shape))
        labels = tf.ensure_shape(labels, (None, *split.labels.shape[1:]))
        return augment(images, batch_seed), labels

    return batches.map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
