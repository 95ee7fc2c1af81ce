"""Which test cases the gallery shows: chosen by a rule, never by how they look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_schemas.task import Labels
from evaluation.metrics import UNKNOWN_LABEL, binary_labels
from reports.report_data import OUTCOMES, Outcome

EACH = 3
RULE = (
    f"Shown are at most {EACH} test images of each kind, of different patients: of wrong flags those whose score is "
    "farthest from the operating point, the worst errors; of right ones those whose score is nearest to the median of "
    "their kind, the usual ones. Images with text on them are left out."
)

STUDIES = " The task judges studies; these are single images, flagged as a study with that score would be."


@dataclass(frozen=True)
class TestCases:
    """The test split as the Evaluator left it.

    Attributes:
        example_ids, patients: str (cases,), keyed hashes.
        labels: int (cases,) index of the label, or (cases, labels) of 1, 0, -1.
        scores: float (cases, labels) in the operating points' unit.
    """

    __test__ = False  # pytest would take it for a class of tests

    example_ids: NDArray[np.str_]
    patients: NDArray[np.str_]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class ChosenCase:
    """A case to show, by its index in the test cases."""

    finding: str
    outcome: Outcome
    index: int


def outcomes(cases: TestCases, labels: Labels, finding: str, point: float) -> dict[Outcome, NDArray[np.int64]]:
    """Returns the indices of cases by outcome; cases of which the finding is not known are in none."""
    column = labels.names.index(finding)
    truth, flagged = binary_labels(cases.labels, column), cases.scores[:, column] >= point
    known = truth != UNKNOWN_LABEL
    wanted = ((truth == 1) & flagged, (truth == 0) & flagged, (truth == 1) & ~flagged, (truth == 0) & ~flagged)
    return {name: np.flatnonzero(known & mask) for name, mask in zip(OUTCOMES, wanted, strict=True)}


def choose(
    cases: TestCases, labels: Labels, points: Mapping[str, float], *, left_out: Set[str] = frozenset()
) -> tuple[list[ChosenCase], dict[str, dict[Outcome, int]]]:
    """Returns what is shown, and how many cases there are of each kind.

    Args:
        cases: of the test split.
        labels: the task's.
        points: operating point by finding.
        left_out: ids of images that must not be shown.
    """
    chosen: list[ChosenCase] = []
    counts: dict[str, dict[Outcome, int]] = {}
    for finding in labels.findings:
        found = outcomes(cases, labels, finding, points[finding])
        counts[finding] = {name: len(indices) for name, indices in found.items()}
        scores = cases.scores[:, labels.names.index(finding)]
        for name, indices in found.items():
            shown = [index for index in indices if str(cases.example_ids[index]) not in left_out]
            ranked = _ranked(shown, scores, cases, point=points[finding], wrong=name.startswith("false"))
            chosen += [ChosenCase(finding, name, index) for index in _of_different_patients(ranked, cases)]
    return chosen, counts


def _ranked(
    indices: Sequence[int], scores: NDArray[np.float64], cases: TestCases, *, point: float, wrong: bool
) -> list[int]:
    if not len(indices):
        return []
    middle = float(np.median(scores[np.asarray(indices)]))

    def rank(index: int) -> tuple[float, str]:
        distance = -abs(scores[index] - point) if wrong else abs(scores[index] - middle)
        return round(float(distance), 9), str(cases.example_ids[index])  # as far apart as floats in decimal are

    return sorted((int(index) for index in indices), key=rank)


def _of_different_patients(ranked: Sequence[int], cases: TestCases) -> list[int]:
    first: dict[str, int] = {}
    for index in ranked:
        first.setdefault(str(cases.patients[index]), index)
    return list(first.values())[:EACH]
