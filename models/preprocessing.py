"""The Transform step. Thin on purpose: TFX reloads the module that holds a user function."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from data_schemas import features
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from models.image_graph import images_to_unit


def preprocessing_fn(inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Returns what the network sees and what it is compared with.

    Args:
        inputs: raw features as the schema describes them, dimension 0 the batch.
        custom_config: `task`, the task as JSON.

    Returns:
        `image_xf` float32 (n, rows, columns, channels) and `label_xf`: int64 (n, 1) index into the task's labels
        (-1 for a label that is not one of them), or float32 (n, labels) with -1 for unknown (multi-label).
    """
    task = task_from_json(custom_config["task"])
    image = images_to_unit(tf.reshape(inputs[features.IMAGE], [-1]), task=task)
    if task.image.normalization == "standardized":
        image = _standardize(image, inputs)
    return {features.TRANSFORMED_IMAGE: image, features.TRANSFORMED_LABEL: _label(inputs, task)}


def _label(inputs: dict[str, tf.Tensor], task: Task) -> tf.Tensor:
    if task.labels.type == "multi_label":
        return tf.cast(tf.reshape(inputs[features.FINDINGS], [-1, len(task.labels.names)]), tf.float32)
    # The task's order, not a vocabulary: tft.compute_and_apply_vocabulary orders by frequency, so by the data.
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            list(task.labels.names), list(range(len(task.labels.names))), tf.string, tf.int64
        ),
        default_value=-1,
    )
    return tf.reshape(table.lookup(tf.reshape(inputs[features.LABEL], [-1])), [-1, 1])


def _standardize(image: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Standardizes each channel over `train`, from the moments that ExampleGen wrote: the analysis decodes no image."""
    mean = tft.mean(inputs[features.CHANNEL_MEAN], reduce_instance_dims=False)
    mean_square = tft.mean(inputs[features.CHANNEL_MEAN_SQUARE], reduce_instance_dims=False)
    return (image - mean) / tf.sqrt(tf.maximum(mean_square - tf.square(mean), 1e-8))
