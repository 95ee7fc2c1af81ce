"""The score at or above which a finding is flagged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import UNKNOWN_LABEL

FALLBACK = 0.5
FEWEST_CASES = 3


def youden(labels: NDArray[Any], scores: NDArray[Any], *, fallback: float = FALLBACK) -> float:
    """Returns the operating point with the largest sensitivity + specificity - 1 (Youden, Cancer 1950).

    The point lies midway between two neighbouring scores, so that no score of these cases stands on the edge. Of
    several best points it is the lowest, which misses the fewest findings.

    Args:
        labels: (cases,), 1 present, 0 absent, -1 unknown (masked).
        scores: (cases,), the higher the likelier.
        fallback: what is returned with fewer than `FEWEST_CASES` positive or negative cases, and where no point is
            better than chance: a point read off such cases would mean nothing.
    """
    known = labels != UNKNOWN_LABEL
    truth, score = labels[known] == 1, scores[known].astype(np.float64)
    if min(truth.sum(), (~truth).sum()) < FEWEST_CASES:
        return fallback
    distinct, place = np.unique(score, return_inverse=True)
    positive = np.bincount(place, weights=truth, minlength=distinct.size) / truth.sum()
    negative = np.bincount(place, weights=~truth, minlength=distinct.size) / (~truth).sum()
    # Flagged from score k + 1 on: sensitivity loses the positives up to k, specificity gains the negatives up to k.
    gain = np.round(np.cumsum(negative - positive)[:-1], 12)
    if not gain.size or gain.max() <= 0:
        return fallback
    best = int(gain.argmax())
    return float((distinct[best] + distinct[best + 1]) / 2)
