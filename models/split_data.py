"""One split, decoded once by the Transform graph and kept for every epoch: in RAM when it fits, else on disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from data_schemas import features
from data_schemas.task import Task

PROGRESS = logging.getLogger("radflow.progress")
_RAM_SHARE = 0.5
_READ_BATCH = 64
_READERS = 4
_NAMES = (features.EXAMPLE_ID, features.PATIENT, features.STUDY)
"""Features of a record that name what it is of, in the order of `SplitData`."""


@dataclass(frozen=True)
class SplitData:
    """A split as arrays, in the order of its records.

    Attributes:
        images: float32 (n, rows, columns, channels); a memory map where RAM is short.
        labels: int64 (n,) index of the label, or float32 (n, labels) with -1 for unknown.
        example_ids: keyed hash of each image.
        patients: pseudonym of each image's patient.
        studies: pseudonym of each image's study; empty where no records were read.
    """

    images: np.ndarray
    labels: np.ndarray
    example_ids: tuple[str, ...]
    patients: tuple[str, ...]
    studies: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)


def load_split(
    patterns: Sequence[str],
    *,
    transform: tft.TFTransformOutput,
    task: Task,
    scratch: Path,
    name: str,
    may_be_empty: bool = False,
) -> SplitData:
    """Returns a split, read and transformed once.

    Args:
        patterns: globs of its TFRecord files, as TFX's `FnArgs` names them.
        transform: the output of the Transform step.
        task: the task.
        scratch: a folder for the memory map, used where RAM is short.
        name: what the progress calls the split.
        may_be_empty: whether no example will do.

    Raises:
        ValueError: the split has no example.
    """
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    count = sum(1 for _ in tf.data.TFRecordDataset(files, compression_type="GZIP"))
    if not count and not may_be_empty:
        raise ValueError(f"the split {name} has no example")
    images = _allocate((count, *task.image.size, task.channels), scratch / f"{name}.npy")
    if not count:
        classes = task.labels.type == "multi_class"
        none = np.empty(0, np.int64) if classes else np.empty((0, len(task.labels.names)), np.float32)
        return SplitData(images, none, (), ())
    labels, start = [], 0
    names: dict[str, list[str]] = {key: [] for key in _NAMES}
    for batch in _batches(files, transform):
        stop = start + len(batch[features.EXAMPLE_ID])
        images[start:stop] = batch[features.TRANSFORMED_IMAGE]
        labels.append(batch[features.TRANSFORMED_LABEL])
        for key, values in names.items():
            values += [value.decode() for value in batch[key].ravel()]
        start = stop
        PROGRESS.debug("reading %s: %d of %d images", name, stop, count)
    label = np.concatenate(labels)
    label = label[:, 0] if task.labels.type == "multi_class" else label
    return SplitData(images, label, *(tuple(values) for values in names.values()))


def _batches(files: list[str], transform: tft.TFTransformOutput) -> Iterator[dict[str, np.ndarray]]:
    spec = transform.raw_feature_spec()
    layer = transform.transform_features_layer()

    @tf.autograph.experimental.do_not_convert  # to convert the layer's own Python takes seconds and changes nothing
    def transformed(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        raw = tf.io.parse_example(serialized, spec)
        kept = {key: raw[key] for key in _NAMES}
        return layer(raw) | kept

    # Files are read side by side; in which order their records come is fixed all the same.
    records = tf.data.Dataset.from_tensor_slices(files).interleave(
        lambda file: tf.data.TFRecordDataset(file, compression_type="GZIP"),
        cycle_length=_READERS,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    dataset = records.batch(_READ_BATCH)
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


def training_batches(
    split: SplitData,
    targets: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epochs: range,
    augment: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    mix: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    whole_batches: bool = False,
) -> tf.data.Dataset:
    """Returns shuffled batches of (images, targets), epoch after epoch, changed as they are drawn.

    An epoch's order and changes follow from the seed and its number alone, so that a training which was stopped goes on
    with the batches that it would have seen.

    Args:
        split: what to draw from.
        targets: float32 (n, labels), of the split's images.
        batch_size: images a batch; the last one of an epoch may be smaller.
        seed: fixes order and changes.
        epochs: numbers of the epochs.
        augment: function of (images, int64 seed (2,)) to images.
        mix: function of (images, targets, int64 seed (2,)) to images and targets.
        whole_batches: leave a smaller last batch out.
    """
    numbers = tf.data.Dataset.range(epochs.start, epochs.stop)
    batches = numbers.flat_map(partial(_epoch, len(split), batch_size=batch_size, seed=seed, whole=whole_batches))

    def draw(indices: tf.Tensor, batch_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images, drawn = tf.numpy_function(
            lambda rows: (split.images[rows], targets[rows]), [indices], (tf.float32, tf.float32), stateful=False
        )
        images = tf.ensure_shape(images, (None, *split.images.shape[1:]))
        drawn = tf.ensure_shape(drawn, (None, *targets.shape[1:]))
        seeds = tf.unstack(tf.random.split(batch_seed, 2), 2)
        mixed: tuple[tf.Tensor, tf.Tensor] = mix(augment(images, seeds[0]), drawn, seeds[1])
        return mixed

    return batches.map(draw, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)


def _epoch(count: int, number: tf.Tensor, *, batch_size: int, seed: int, whole: bool) -> tf.data.Dataset:
    """Returns the batches of one epoch as (indices int64 (n,), seed int64 (2,))."""
    of_epoch = tf.random.experimental.stateless_fold_in(tf.constant([seed, 0], tf.int64), number)
    order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), of_epoch)
    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=whole).enumerate()
    return batches.map(lambda index, rows: (rows, tf.random.experimental.stateless_fold_in(of_epoch, index + 1)))
