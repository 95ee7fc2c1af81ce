"""Metrics of one finding and of a whole task, as functions of arrays, for many weightings of the cases at once.

Every function takes `weights` float64 (draws, cases): one row is one bootstrap draw, which says how often each case
counts. Without weights there is one draw, in which every case counts once. Values come back as float64 (draws,).
A value that is not defined (no positive case, 0 / 0) is nan, never 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

UNKNOWN_LABEL = -1
"""A label that nobody knows; such a case counts for nothing."""


def finding_metrics(
    labels: NDArray[Any], scores: NDArray[Any], *, operating_point: float, weights: Floats | None = None
) -> dict[str, Floats]:
    """Returns all of `data_schemas.task.METRICS` of one finding.

    Args:
        labels: (cases,), 1 present, 0 absent, -1 unknown (masked).
        scores: (cases,), the higher the likelier; a case is flagged where its score is at least the operating point.
        operating_point: in the scores' unit.
        weights: float64 (draws, cases), or none for one draw that counts each case once.

    Returns:
        by metric, float64 (draws,); nan where the metric is not defined.
    """
    known = labels != UNKNOWN_LABEL
    truth, score = labels[known] == 1, scores[known].astype(np.float64)
    weight = np.ones((1, truth.size)) if weights is None else weights[:, known]
    positive, negative = _weight_by_score(truth, score, weight)
    flagged = score >= operating_point
    return {
        "auroc": _auroc(positive, negative),
        "average_precision": _average_precision(positive, negative),
        **confusion_metrics(
            true_positives=weight @ (truth & flagged),
            false_positives=weight @ (~truth & flagged),
            false_negatives=weight @ (truth & ~flagged),
            true_negatives=weight @ (~truth & ~flagged),
        ),
    }


def confusion_metrics(
    *, true_positives: Floats, false_positives: Floats, false_negatives: Floats, true_negatives: Floats
) -> dict[str, Floats]:
    """Returns the metrics that follow from a 2 x 2 table; all arrays have the same shape.

    F1 is not defined without a positive case, and MCC not where a row or column of the table is empty: other libraries
    return 0 there, which reads like a bad model.
    """
    tp, fp, fn, tn = true_positives, false_positives, false_negatives, true_negatives
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": _ratio(tp, tp + fp),
        "npv": _ratio(tn, tn + fn),
        "f1": np.where(tp + fn > 0, _ratio(2 * tp, 2 * tp + fp + fn), np.nan),
        "mcc": _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
    }


def weighted_auroc(labels: NDArray[Any], scores: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Returns the area under the ROC curve alone, float64 (draws,).

    Args:
        labels: (cases,), 1 present, 0 absent.
        scores: (cases,), the higher the likelier.
        weights: float64 (draws, cases), or none.
    """
    weight = np.ones((1, labels.size)) if weights is None else weights
    return _auroc(*_weight_by_score(labels == 1, scores.astype(np.float64), weight))


def class_metrics(labels: NDArray[Any], scores: NDArray[Any], *, weights: Floats | None = None) -> dict[str, Floats]:
    """Returns `accuracy` and `balanced_accuracy` (mean recall) of the highest score, for a multi-class task.

    Args:
        labels: int (cases,), index of the label, -1 unknown (masked).
        scores: (cases, labels).
        weights: float64 (draws, cases), or none.

    Returns:
        by metric, float64 (draws,). Balanced accuracy is nan where a draw lacks a class: its recall is unknown.
    """
    known = labels != UNKNOWN_LABEL
    truth, right = labels[known], labels[known] == scores[known].argmax(axis=1)
    weight = np.ones((1, truth.size)) if weights is None else weights[:, known]
    classes = truth[:, np.newaxis] == np.arange(scores.shape[1])
    recall = _ratio(weight @ (classes & right[:, np.newaxis]), weight @ classes)
    return {"accuracy": _ratio(weight @ right, weight.sum(axis=1)), "balanced_accuracy": recall.mean(axis=1)}


def confusion_matrix(labels: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.int64]:
    """Returns counts int64 (labels, labels): rows are the true label, columns the label with the highest score."""
    known = labels != UNKNOWN_LABEL
    size = scores.shape[1]
    cells = labels[known].astype(np.int64) * size + scores[known].argmax(axis=1)
    return np.bincount(cells, minlength=size * size).reshape(size, size)


def binary_labels(labels: NDArray[Any], index: int) -> NDArray[np.int64]:
    """Returns one finding's labels int64 (cases,): 1, 0 or -1.

    Args:
        labels: multi-class (cases,) indices, or multi-label (cases, labels) of 1, 0 and -1.
        index: the finding's place in the task's labels.
    """
    if labels.ndim == 2:
        return labels[:, index].astype(np.int64)
    return np.where(labels == UNKNOWN_LABEL, UNKNOWN_LABEL, labels == index).astype(np.int64)


def _weight_by_score(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Returns the weight of positive and of negative cases at each distinct score, rising: (draws, scores) each."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    if not starts.size:
        return np.zeros((len(weights), 0)), np.zeros((len(weights), 0))
    sorted_weights, sorted_truth = weights[:, order], truth[order]
    positive = np.add.reduceat(sorted_weights * sorted_truth, starts, axis=1)
    return positive, np.add.reduceat(sorted_weights, starts, axis=1) - positive


def _auroc(positive: Floats, negative: Floats) -> Floats:
    """Share of (positive, negative) pairs in which the positive case scores higher; a tie counts half."""
    lower = np.cumsum(negative, axis=1) - negative / 2
    return _ratio((positive * lower).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _average_precision(positive: Floats, negative: Floats) -> Floats:
    """Precision at each distinct score, weighted by the recall that the score adds; no interpolation."""
    true_positives = np.cumsum(positive[:, ::-1], axis=1)
    flagged = true_positives + np.cumsum(negative[:, ::-1], axis=1)
    # Where nothing is flagged yet, no recall is added either: 0 / 0 counts 0 there.
    precision = np.divide(true_positives, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return _ratio((precision * positive[:, ::-1]).sum(axis=1), positive.sum(axis=1))


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator != 0)
