"""How much a change of the images moves scores, flags and AUROC, paired: each case is compared with itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.stress_results import FindingStress, Interval
from evaluation.clustered_auroc import clustered_auroc
from evaluation.differences import paired_difference
from evaluation.intervals import Estimate, bootstrap
from evaluation.metrics import UNKNOWN_LABEL, Floats, weighted_auroc

FEWEST = 10
"""Patients with and without the finding, below which no AUROC is told."""


def stress_of_finding(
    truth: NDArray[Any],
    scores: NDArray[Any],
    changed: NDArray[Any],
    *,
    patients: NDArray[Any],
    operating_point: float,
    seed: int = 0,
) -> tuple[Interval, tuple[FindingStress, ...]]:
    """Returns one finding's AUROC on the images as they are, and what each change of them does.

    Args:
        truth: int (cases,): 1 present, 0 absent, -1 unknown; such a case counts for scores and flags alone.
        scores: float (cases,) of the images as they are.
        changed: float (changes, cases), the scores after each change.
        patients: (cases,), whose case it is: intervals resample patients.
        operating_point: a case is flagged where its score is at least this.
        seed: of the draws.
    """
    moved = np.abs(changed - scores).mean(axis=1)
    flags = ((changed >= operating_point) != (scores >= operating_point)).mean(axis=1)
    known = truth != UNKNOWN_LABEL
    before, after, differences = _aurocs(truth[known], scores[known], changed[:, known], patients[known], seed)
    rows = [
        FindingStress(auroc=auroc, auroc_difference=difference, score_change=float(move), flag_changed=float(flag))
        for auroc, difference, move, flag in zip(after, differences, moved, flags, strict=True)
    ]
    return before, tuple(rows)


def _aurocs(
    truth: NDArray[Any], scores: NDArray[Any], changed: NDArray[Any], patients: NDArray[Any], seed: int
) -> tuple[Interval, list[Interval], list[Interval]]:
    """Returns AUROC before, after each change, and the differences, which share their draws."""
    present, absent = (len(np.unique(patients[truth == value])) for value in (1, 0))
    count = len(np.unique(patients))
    if min(present, absent) < FEWEST:
        note = f"too few patients: {present} with the finding and {absent} without, {FEWEST} of each are needed"
        nothing = Interval(value=None, patients=count, note=note)
        return nothing, [nothing] * len(changed), [nothing] * len(changed)
    moved = [row for row, after in enumerate(changed) if not np.array_equal(after, scores)]

    def differences(weights: Floats | None = None) -> dict[int, Floats]:
        before = weighted_auroc(truth, scores, weights)
        return {row: weighted_auroc(truth, changed[row], weights) - before for row in moved}

    point, drawn = differences(), bootstrap(differences, patients, seed=seed) if moved else {}
    told = []
    for row in range(len(changed)):
        value, draws = (float(point[row][0]), drawn[row]) if row in drawn else (0.0, np.zeros(1))
        found = paired_difference(value, draws, same=row not in drawn, patients=min(present, absent))
        told.append(_interval(found, count))
    return _auroc(truth, scores, patients), [_auroc(truth, after, patients) for after in changed], told


def _auroc(truth: NDArray[Any], scores: NDArray[Any], patients: NDArray[Any]) -> Interval:
    names, place = np.unique(patients, return_inverse=True)
    found = clustered_auroc(truth == 1, scores.astype(np.float64), place).estimate()
    return _interval(found, len(names))


def _interval(found: Estimate, patients: int) -> Interval:
    return Interval(value=found.value, lower=found.lower, upper=found.upper, patients=patients, note=found.note)
