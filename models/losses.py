"""Losses on logits, with class weights, label smoothing and unknown labels masked out.

Targets are vectors, float32 (n, labels), so that mixed images have mixed targets: shares of the classes
(multi-class), or 1 present, 0 absent and -1 unknown (multi-label).
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from data_schemas.task import Task
from data_schemas.training_settings import Training

Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]

_EFFECTIVE_NUMBER_BETA = 0.999


def to_targets(labels: np.ndarray, *, task: Task) -> np.ndarray:
    """Returns labels as targets, float32 (n, labels); a label that is none of the task's has no share in any class.

    Args:
        labels: int64 (n,) indices, -1 for none of them, or float32 (n, labels) of 1, 0 and -1 (unknown).
        task: the task.
    """
    if task.labels.type == "multi_label":
        return labels.astype(np.float32)
    return (labels[:, None] == np.arange(len(task.labels.names))).astype(np.float32)


def class_weights(labels: np.ndarray, *, task: Task) -> np.ndarray:
    """Returns weights that make classes count alike, whatever their frequency; all 1 unless the task asks.

    Args:
        labels: int64 (n,) indices, or float32 (n, labels) of 1, 0 and -1 (unknown).
        task: the task.

    Returns:
        float32 (labels,) for multi-class, 0 for a class without an example; float32 (2, labels) for multi-label: the
        weight of an absent and of a present finding. The weights of all examples average 1.
    """
    count = len(task.labels.names)
    if task.labels.type == "multi_class":
        frequency = np.bincount(labels[labels >= 0], minlength=count)
        return np.where(frequency > 0, _weights(frequency, task.training), 0.0).astype(np.float32)
    each = np.stack([(labels == 0).sum(0), (labels == 1).sum(0)])
    return np.stack([_weights(column, task.training) for column in each.T], axis=1).astype(np.float32)


def _weights(frequency: np.ndarray, training: Training) -> np.ndarray:
    if training.class_weights == "none":
        return np.ones(len(frequency))
    present = np.maximum(frequency, 1).astype(np.float64)
    if training.class_weights == "effective_number":
        weights = (1 - _EFFECTIVE_NUMBER_BETA) / (1 - _EFFECTIVE_NUMBER_BETA**present)
    else:
        weights = 1 / present
    mean = np.sum(weights * frequency) / max(1, frequency.sum())
    return weights / mean if mean else weights


def make_loss(weights: np.ndarray, *, task: Task) -> Loss:
    """Returns the task's loss as a function of targets and logits, both float32 (n, labels): one value an image.

    Args:
        weights: from `class_weights`.
        task: the task.
    """
    gamma = task.training.focal_gamma if task.training.loss == "focal" else 0.0
    make = _multi_class if task.labels.type == "multi_class" else _multi_label
    return make(weights, task.training.label_smoothing, gamma)


def _multi_class(weights: np.ndarray, smoothing: float, gamma: float) -> Loss:
    def loss(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        weight = keras.ops.sum(targets * weights, axis=-1)
        smoothed = targets * (1.0 - smoothing) + smoothing / len(weights)
        log_probability = keras.ops.log_softmax(logits, axis=-1)
        each = -smoothed * log_probability * _turned_away(keras.ops.exp(log_probability), gamma)
        return weight * keras.ops.sum(each, axis=-1)

    return loss


def _multi_label(weights: np.ndarray, smoothing: float, gamma: float) -> Loss:
    def loss(targets: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        known = keras.ops.cast(targets >= 0, "float32")
        present = keras.ops.maximum(targets, 0.0)
        weight = known * (present * weights[1] + (1.0 - present) * weights[0])
        smoothed = present * (1.0 - smoothing) + smoothing / 2
        probability = keras.ops.sigmoid(logits)
        for_present = -keras.ops.log_sigmoid(logits) * _turned_away(probability, gamma)
        for_absent = -keras.ops.log_sigmoid(-logits) * _turned_away(1.0 - probability, gamma)
        each = smoothed * for_present + (1.0 - smoothed) * for_absent
        return keras.ops.sum(weight * each, axis=-1) / keras.ops.maximum(keras.ops.sum(known, axis=-1), 1.0)

    return loss


def _turned_away(probability: keras.KerasTensor, gamma: float) -> keras.KerasTensor | float:
    """Returns the focal factor (1 - probability) ** gamma, which is 1 for cross-entropy."""
    return keras.ops.power(keras.ops.maximum(1.0 - probability, 1e-7), gamma) if gamma else 1.0
