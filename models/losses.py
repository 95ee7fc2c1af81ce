"""Losses on logits, with class weights, label smoothing and unknown labels masked out."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from data_schemas.task import Task

Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


def class_weights(labels: np.ndarray, *, task: Task) -> np.ndarray:
    """Returns weights that make classes count alike, whatever their frequency; all 1 unless the task asks.

    Args:
        labels: int64 (n,) indices, or float32 (n, labels) of 1, 0 and -1 (unknown).
        task: the task.

    Returns:
        float32 (labels,) for multi-class: n / (classes present * n of the class), 0 for a class without an example;
        float32 (2, labels) for multi-label: the weight of an absent and of a present finding.
    """
    count = len(task.labels.names)
    if task.labels.type == "multi_class":
        frequency = np.bincount(labels, minlength=count).astype(np.float64)
        weights = frequency.sum() / (np.maximum(frequency, 1) * max(1, np.count_nonzero(frequency)))
        return np.where(frequency > 0, weights if task.training.class_weights else 1.0, 0.0).astype(np.float32)
    each = np.stack([(labels == 0).sum(0), (labels == 1).sum(0)]).astype(np.float64)
    weights = each.sum(0) / (2 * np.maximum(each, 1))
    return (weights if task.training.class_weights else np.ones_like(each)).astype(np.float32)


def make_loss(weights: np.ndarray, *, task: Task) -> Loss:
    """Returns the task's loss as a function of labels and logits, one value an image.

    Args:
        weights: from `class_weights`.
        task: the task.
    """
    smoothing = task.training.label_smoothing
    return _multi_class(weights, smoothing) if task.labels.type == "multi_class" else _multi_label(weights, smoothing)


def _multi_class(weights: np.ndarray, smoothing: float) -> Loss:
    def loss(labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        one_hot = keras.ops.one_hot(keras.ops.reshape(keras.ops.cast(labels, "int32"), (-1,)), len(weights))
        target = one_hot * (1.0 - smoothing) + smoothing / len(weights)
        weight = keras.ops.sum(one_hot * weights, axis=-1)
        return weight * keras.ops.categorical_crossentropy(target, logits, from_logits=True)

    return loss


def _multi_label(weights: np.ndarray, smoothing: float) -> Loss:
    def loss(labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        labels = keras.ops.cast(labels, "float32")
        known = keras.ops.cast(labels >= 0, "float32")
        present = keras.ops.maximum(labels, 0.0)
        target = present * (1.0 - smoothing) + smoothing / 2
        weight = known * (present * weights[1] + (1.0 - present) * weights[0])
        each = keras.ops.binary_crossentropy(target, logits, from_logits=True)
        return keras.ops.sum(weight * each, axis=-1) / keras.ops.maximum(keras.ops.sum(known, axis=-1), 1.0)

    return loss
