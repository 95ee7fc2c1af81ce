"""What a training is judged by on `eval` after each epoch, and what it may be stopped on."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from data_schemas.task import Task
from data_schemas.training_settings import Monitor
from evaluation.calibration import to_probabilities
from models.losses import Loss, to_targets


def eval_metrics(labels: np.ndarray, logits: np.ndarray, *, loss: Loss, task: Task) -> dict[str, float]:
    """Returns `eval_loss`, `eval_auc` and `eval_average_precision`, the last two as means over findings.

    Args:
        labels: int64 (n,) indices or float32 (n, labels) of 1, 0, -1.
        logits: float (n, labels).
        loss: the training's.
        task: the task.
    """
    each = keras.ops.convert_to_numpy(loss(to_targets(labels, task=task), logits))
    return {
        "eval_loss": float(np.mean(each)),
        "eval_auc": macro(roc_auc_score, labels, logits, task=task),
        "eval_average_precision": macro(average_precision_score, labels, logits, task=task),
    }


def macro(metric: Callable[..., Any], labels: np.ndarray, logits: np.ndarray, *, task: Task) -> float:
    """Returns a metric's mean over the findings that have both classes among known labels; nan if none has.

    Args:
        metric: function of 0/1 labels and scores.
        labels: as for `eval_metrics`.
        logits: likewise.
        task: the task.
    """
    scores, values = to_probabilities(logits, task.labels.type), []
    for index, name in enumerate(task.labels.names):
        truth = labels == index if task.labels.type == "multi_class" else labels[:, index]
        known = truth >= 0
        if name in task.labels.findings and len(np.unique(truth[known])) == 2:
            values.append(metric(truth[known], scores[known, index]))
    return float(np.mean(values)) if values else float("nan")


def monitored(row: dict[str, Any], monitor: Monitor) -> float:
    """Returns what is to be made large: the declared metric, or the negative loss where there are no two classes."""
    value = row.get(f"eval_{monitor}", math.nan)
    return -row["eval_loss"] if monitor == "loss" or math.isnan(value) else float(value)
