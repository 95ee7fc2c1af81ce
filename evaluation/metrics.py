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
    """Returns the metrics of one finding that depend on the order of its scores and on its flags.

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
        "sensitivity_at_90_specificity": _sensitivity_at(0.9, positive, negative),
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
    sensitivity, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    return {
        "accuracy": ratio(tp + tn, tp + tn + fp + fn),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": ratio(tp, tp + fp),
        "npv": ratio(tn, tn + fn),
        "f1": np.where(tp + fn > 0, ratio(2 * tp, 2 * tp + fp + fn), np.nan),
        "mcc": ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
        "positive_likelihood_ratio": ratio(sensitivity, 1 - specificity),
        "negative_likelihood_ratio": ratio(1 - sensitivity, specificity),
        "flag_rate": ratio(tp + fp, tp + tn + fp + fn),
        "prevalence": ratio(tp + fn, tp + tn + fp + fn),
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


def class_metrics(
    labels: NDArray[Any],
    scores: NDArray[Any],
    *,
    probabilities: NDArray[Any] | None = None,
    weights: Floats | None = None,
    case_weights: Floats | None = None,
) -> dict[str, Floats]:
    """Returns all of `data_schemas.metrics.CLASS_METRICS`, for a multi-class task.

    Args:
        labels: int (cases,), index of the label, -1 unknown (masked).
        scores: (cases, labels); the highest says the label.
        probabilities: (cases, labels), for `brier` (summed over labels, 0..2) and `log_loss`; the scores unless given.
        weights: float64 (draws, cases), or none.
        case_weights: float64 (cases,), what makes labels as common as the probabilities say, or none.

    Returns:
        by metric, float64 (draws,). Balanced accuracy is nan where a draw lacks a class: its recall is unknown.
    """
    known = labels != UNKNOWN_LABEL
    truth, right = labels[known], labels[known] == scores[known].argmax(axis=1)
    weight = np.ones((1, truth.size)) if weights is None else weights[:, known]
    classes = truth[:, np.newaxis] == np.arange(scores.shape[1])
    recall = ratio(weight @ (classes & right[:, np.newaxis]), weight @ classes)
    probability = (scores if probabilities is None else probabilities)[known].astype(np.float64)
    losses = np.stack(
        [((probability - classes) ** 2).sum(axis=1), -np.log(np.clip(probability[classes], 1e-6, 1.0))], axis=1
    )
    reweighted = weight if case_weights is None else weight * case_weights[known]
    means = ratio(reweighted @ losses, np.repeat(reweighted.sum(axis=1, keepdims=True), 2, axis=1))
    return {
        "accuracy": ratio(weight @ right, weight.sum(axis=1)),
        "balanced_accuracy": recall.mean(axis=1),
        "brier": means[:, 0],
        "log_loss": means[:, 1],
    }


def confusion_matrix(labels: NDArray[Any], scores: NDArray[Any], *, weights: Floats | None = None) -> NDArray[Any]:
    """Returns counts (labels, labels): rows are the true label, columns the label with the highest score.

    Args:
        labels: int (cases,), index of the label, -1 unknown (masked).
        scores: (cases, labels).
        weights: float64 (cases,), or none for whole numbers.
    """
    known = labels != UNKNOWN_LABEL
    size = scores.shape[1]
    cells = labels[known].astype(np.int64) * size + scores[known].argmax(axis=1)
    counted = None if weights is None else weights[known]
    return np.bincount(cells, counted, minlength=size * size).reshape(size, size)


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
    return ratio((positive * lower).sum(axis=1), positive.sum(axis=1) * negative.sum(axis=1))


def _average_precision(positive: Floats, negative: Floats) -> Floats:
    """Precision at each distinct score, weighted by the recall that the score adds; no interpolation."""
    true_positives = np.cumsum(positive[:, ::-1], axis=1)
    flagged = true_positives + np.cumsum(negative[:, ::-1], axis=1)
    # Where nothing is flagged yet, no recall is added either: 0 / 0 counts 0 there.
    precision = np.divide(true_positives, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return ratio((precision * positive[:, ::-1]).sum(axis=1), positive.sum(axis=1))


def _sensitivity_at(specificity: float, positive: Floats, negative: Floats) -> Floats:
    """Largest sensitivity of the points whose specificity is at least the value."""
    # Flagged from each distinct score on, and nothing flagged at all.
    missed = np.cumsum(positive, axis=1) - positive
    quiet = np.cumsum(negative, axis=1) - negative
    enough = quiet >= specificity * negative.sum(axis=1, keepdims=True) - 1e-9
    found = np.where(enough, positive.sum(axis=1, keepdims=True) - missed, 0.0).max(axis=1, initial=0.0)
    return np.where(negative.sum(axis=1) > 0, ratio(found, positive.sum(axis=1)), np.nan)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Returns numerator / denominator, nan where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator != 0)
