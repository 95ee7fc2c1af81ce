"""From the canonical 16-bit PNG to what the network sees, as TensorFlow ops: the half of "no skew" that is a graph."""

from __future__ import annotations

import tensorflow as tf

from data_schemas.task import Task

HOUNSFIELD_OFFSET = 32768.0
"""Added to Hounsfield units in the canonical image, so that they fit an unsigned 16-bit PNG."""


def images_to_unit(png: tf.Tensor, *, task: Task) -> tf.Tensor:
    """Returns decoded images, windowed, resized with antialias and padded to the task's size.

    Args:
        png: string (n,), canonical 16-bit grayscale PNGs of any size.
        task: the task; `image.size` and `intensity.windows` matter here.

    Returns:
        float32 (n, rows, columns, channels), 0..1; padding is 0.
    """
    shape = (*task.image.size, task.channels)
    return tf.map_fn(
        lambda one: _image_to_unit(one, task),
        png,
        fn_output_signature=tf.TensorSpec(shape, tf.float32),
        parallel_iterations=16,
    )


def _image_to_unit(png: tf.Tensor, task: Task) -> tf.Tensor:
    pixels = tf.cast(tf.io.decode_png(png, channels=1, dtype=tf.uint16), tf.float32)
    if task.intensity.windows:
        hounsfield = pixels - HOUNSFIELD_OFFSET
        unit = tf.concat([_windowed(hounsfield, w.center, w.width) for w in task.intensity.windows], axis=-1)
    else:
        unit = pixels / 65535.0
    rows, columns = task.image.size
    return tf.clip_by_value(tf.image.resize_with_pad(unit, rows, columns, antialias=True), 0.0, 1.0)


def _windowed(hounsfield: tf.Tensor, center: float, width: float) -> tf.Tensor:
    return tf.clip_by_value((hounsfield - (center - width / 2)) / width, 0.0, 1.0)
