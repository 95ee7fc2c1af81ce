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
    return tf.clip_by_value(_resized_with_pad(unit, *task.image.size), 0.0, 1.0)


def _resized_with_pad(image: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
    """Returns an image as large as it fits, its aspect kept, in the middle of zeros.

    As `tf.image.resize_with_pad`, which counts in float32, so that it makes 223 rows of 224 once the graph's optimizer
    has turned a division into a product, and which stops at an image so thin that nothing of its short side is left.
    `imaging.source_geometry.content_box` does the same sums.
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    to_rows = tf.clip_by_value(height * columns // width, 1, rows)
    to_columns = tf.clip_by_value(width * rows // height, 1, columns)
    resized = tf.image.resize(image, (to_rows, to_columns), antialias=True)
    return tf.image.pad_to_bounding_box(resized, (rows - to_rows) // 2, (columns - to_columns) // 2, rows, columns)


def _windowed(hounsfield: tf.Tensor, center: float, width: float) -> tf.Tensor:
    return tf.clip_by_value((hounsfield - (center - width / 2)) / width, 0.0, 1.0)
