"""The score at or above which a finding is flagged, by the rule that a task declares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.decisions import OperatingPoint
from evaluation.metrics import UNKNOWN_LABEL

FALLBACK = 0.5
FEWEST_CASES = 3
YOUDEN = OperatingPoint()


def operating_point(
    labels: NDArray[Any], scores: NDArray[Any], rule: OperatingPoint = YOUDEN, *, fallback: float = FALLBACK
) -> float:
    """Returns the point that a rule chooses.

    The point lies midway between two neighbouring scores, so that no score of these cases stands on the edge. Of
    several best points it is the lowest, which misses the fewest findings.

    Args:
        labels: (cases,), 1 present, 0 absent, -1 unknown (masked).
        scores: (cases,), the higher the likelier.
        rule: `youden` has the largest sensitivity + specificity - 1 (Youden, Cancer 1950); `specificity` the largest
            sensitivity of the points whose specificity is at least the value; `sensitivity` the other way round; `cost`
            the smallest expected cost at the prevalence of these cases, or at the rule's.
        fallback: what is returned with fewer than `FEWEST_CASES` positive or negative cases, and where no point is
            better than chance: a point read off such cases would mean nothing.
    """
    known = labels != UNKNOWN_LABEL
    truth, score = labels[known] == 1, scores[known].astype(np.float64)
    if min(truth.sum(), (~truth).sum()) < FEWEST_CASES:
        return fallback
    distinct, place = np.unique(score, return_inverse=True)
    # Flagged from score k on: sensitivity has lost the positives below k, specificity gained the negatives below k.
    below_positive = np.concatenate([[0], np.cumsum(np.bincount(place, weights=truth))]) / truth.sum()
    below_negative = np.concatenate([[0], np.cumsum(np.bincount(place, weights=~truth))]) / (~truth).sum()
    sensitivity, specificity = np.round(1 - below_positive, 12), np.round(below_negative, 12)
    if np.max(sensitivity + specificity) <= 1:
        return fallback
    value = _merit(sensitivity, specificity, rule, prevalence=float(truth.mean()))
    best = int(np.argmax(value))
    edges = np.concatenate([[max(0.0, distinct[0] - 1e-6)], (distinct[:-1] + distinct[1:]) / 2, [distinct[-1] + 1e-6]])
    return float(edges[best])


def _merit(
    sensitivity: NDArray[Any], specificity: NDArray[Any], rule: OperatingPoint, *, prevalence: float
) -> NDArray[Any]:
    """Returns what the rule wants to be largest, for each point."""
    if rule.rule == "specificity":
        return np.where(specificity >= rule.value - 1e-12, sensitivity + 1e-6 * specificity, -1.0)
    if rule.rule == "sensitivity":
        return np.where(sensitivity >= rule.value - 1e-12, specificity + 1e-6 * sensitivity, -1.0)
    merit = sensitivity + specificity
    if rule.rule == "cost":
        share = prevalence if rule.prevalence is None else rule.prevalence
        missed = share * (1 - sensitivity) * rule.false_negative_cost
        merit = -missed - (1 - share) * (1 - specificity) * rule.false_positive_cost
    rounded: NDArray[Any] = np.round(merit, 12)
    return rounded
