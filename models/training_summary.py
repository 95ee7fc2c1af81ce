"""Writes beside a model what the images were like that it was trained on, for external data to be held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from data_schemas import features
from data_schemas.model_files import TRAINING_DATA_FILE
from data_schemas.training_data import NAMES, NUMBERS, TrainingData
from evaluation.shift import training_data

_BATCH = 64


def write_training_data(folder: Path, patterns: Sequence[str]) -> None:
    """Writes `TRAINING_DATA_FILE`.

    Args:
        folder: the model's `assets.extra`.
        patterns: globs of the training split's TFRecord files.
    """
    (folder / TRAINING_DATA_FILE).write_text(read_training_data(patterns).model_dump_json(indent=1), encoding="utf-8")


def read_training_data(patterns: Sequence[str]) -> TrainingData:
    """Returns what the images of some TFRecord files are like; no image is decoded.

    Args:
        patterns: globs of the files.
    """
    spec = {
        **{name: tf.io.RaggedFeature(tf.float32) for name in NUMBERS},
        **{name: tf.io.FixedLenFeature([1], tf.string) for name in (*NAMES, features.PATIENT)},
    }
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH)
    columns: dict[str, list[object]] = {name: [] for name in spec}
    for batch in records.map(lambda serialized: tf.io.parse_example(serialized, spec)).prefetch(2):
        for name in NUMBERS:
            columns[name] += [row[0] if row else np.nan for row in batch[name].to_list()]
        for name in (*NAMES, features.PATIENT):
            columns[name] += [value.decode() for value in batch[name].numpy().ravel()]
    arrays = {name: np.array(values, np.float64 if name in NUMBERS else np.str_) for name, values in columns.items()}
    return training_data(arrays, arrays[features.PATIENT])
