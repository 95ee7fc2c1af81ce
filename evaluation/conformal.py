"""Sets of labels that hold the true one with a stated chance, whatever the network is worth.

Split conformal prediction, class by class (Vovk 2012; Sadinle, Lei and Wasserman 2019): a label is in the set unless it
fits an image worse than it fitted all but alpha of the calibration patients who have it. The promise holds for a new
patient of the same population as those: P(label in set | label is true) >= 1 - alpha for every label.

The network's own probabilities are used, before calibration, because those were not fitted to the same cases.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import Floats

ALWAYS = math.inf
"""Threshold of a label of which there are too few patients: it is in every set."""


def fewest_patients(alpha: float) -> int:
    """Returns how many calibration patients a label needs so that it can be left out of a set: ceil(1 / alpha) - 1."""
    return math.ceil(round(1.0 / alpha, 9)) - 1


def nonconformity(probabilities: NDArray[Any]) -> Floats:
    """Returns how badly each label fits, the higher the worse: one less its probability."""
    scores: Floats = 1.0 - np.asarray(probabilities, np.float64)
    return scores


def threshold(scores: NDArray[Any], patients: NDArray[Any], *, alpha: float, order: NDArray[Any]) -> float:
    """Returns the largest nonconformity with which a label is in the set; `ALWAYS` where patients are too few.

    Args:
        scores: (n,), nonconformity of the true label, of images that have it.
        patients: (n,), whose they are. A patient counts once, since several images of one are no independent cases:
            the one that comes first in `order`, which must not depend on the score.
        alpha: share of patients whose label may be missed.
        order: (n,), sortable, e.g. keyed hashes.
    """
    _, first = np.unique(patients[np.argsort(order, kind="stable")], return_index=True)
    one_each = np.sort(np.asarray(scores, np.float64)[np.argsort(order, kind="stable")][first])
    rank = math.ceil(round((len(one_each) + 1) * (1.0 - alpha), 9))
    return ALWAYS if rank > len(one_each) else float(one_each[rank - 1])
