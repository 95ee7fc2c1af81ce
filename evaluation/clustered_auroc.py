"""The area under the ROC curve with an interval over patients who may have several images.

Obuchowski, Nonparametric analysis of clustered ROC curve data, Biometrics 1997: DeLong's variance with the placements
summed by patient, who may have cases with and without the finding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.intervals import CONFIDENCE, UNSEEN, Estimate, Limits, clopper_pearson, estimate, logit_limits
from evaluation.metrics import Floats


@dataclass(frozen=True)
class ClusteredAuroc:
    """An AUROC with its variance over patients.

    Attributes:
        value: 0..1, or nan without a positive or negative case.
        variance: Obuchowski's.
        positives, negatives: patients with a positive, with a negative case.
    """

    value: float
    variance: float
    positives: int
    negatives: int

    def limits(self, confidence: float = CONFIDENCE) -> Limits | None:
        """Returns the interval on the logit scale, no wider than a rate's, and no surer than that of a perfect order.

        The variance of an AUROC of given value is at most that of a rate of min(positives, negatives) trials (Birnbaum
        and Klose, Annals of Mathematical Statistics 1957), so that Clopper and Pearson's limits bound it, and are those
        of a perfect order. An order that is nearly perfect knows no better than that one: of the patients that look
        wholly normal although they have the finding, none may be among these.
        """
        fewer = min(self.positives, self.negatives)
        if not fewer:
            return None
        widest = clopper_pearson(self.value * fewer, fewer, confidence=confidence)
        if not 0 < self.value < 1 or fewer == 1:
            return widest
        variance = self.variance + UNSEEN * self.value * (1 - self.value) / fewer
        lower, upper = logit_limits(self.value, variance, degrees=fewer - 1, confidence=confidence)
        perfect = clopper_pearson(fewer, fewer, confidence=confidence)[0]
        return min(max(lower, widest[0]), perfect), max(min(upper, widest[1]), 1 - perfect)

    def estimate(self) -> Estimate:
        """Returns the AUROC with its 95 % interval."""
        return estimate(self.value, self.limits(), patients=min(self.positives, self.negatives))


def clustered_auroc(truth: NDArray[np.bool_], scores: Floats, patients: NDArray[np.int64]) -> ClusteredAuroc:
    """Returns the AUROC and its variance.

    Args:
        truth: bool (cases,), present or absent.
        scores: float64 (cases,), the higher the likelier.
        patients: int (cases,), 0..; whose case it is.
    """
    size = int(patients.max(initial=-1)) + 1
    positives, negatives = (np.bincount(patients[mask], minlength=size) for mask in (truth, ~truth))
    counts = int(np.count_nonzero(positives)), int(np.count_nonzero(negatives))
    if not min(counts):
        return ClusteredAuroc(math.nan, math.nan, *counts)
    present, absent = placements(scores[truth], scores[~truth]), 1 - placements(scores[~truth], scores[truth])
    value = float(present.mean())
    of_positive = _sums(present - value, patients[truth], size) / truth.sum()
    of_negative = _sums(absent - value, patients[~truth], size) / (~truth).sum()
    variance = _inflated(of_positive @ of_positive, counts[0]) + _inflated(of_negative @ of_negative, counts[1])
    return ClusteredAuroc(value, max(0.0, variance + 2 * float(of_positive @ of_negative)), *counts)


def placements(scores: Floats, others: Floats) -> Floats:
    """Returns each score's share of others below it, (scores,); a tie counts half."""
    ranked = np.sort(others)
    below, not_above = np.searchsorted(ranked, scores, "left"), np.searchsorted(ranked, scores, "right")
    shares: Floats = (below + not_above) / (2 * len(others))
    return shares


def _sums(values: Floats, patients: NDArray[Any], size: int) -> Floats:
    summed: Floats = np.bincount(patients, values, minlength=size).astype(np.float64)
    return summed


def _inflated(squares: Any, patients: int) -> float:
    return float(squares) * (patients / (patients - 1) if patients > 1 else 1.0)
