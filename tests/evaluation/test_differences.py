"""Differences whose draws all agree: nothing where nothing could differ, else what so few patients do not exclude."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from data_schemas.task import Labels
from evaluation.differences import AGREED, SAME, Judged, paired_difference
from evaluation.evaluation import evaluate
from evaluation.intervals import Estimate
from evaluation.summary import Cases

LABELS = Labels(type="multi_label", names=("mass", "effusion"))
POINTS = {"mass": 0.5, "effusion": 0.5}
PATIENTS = 40


def _judged(**points: float) -> Judged:
    """Returns a model of one image a patient, half of them with each finding, that is wrong now and then."""
    generator = np.random.default_rng(3)
    truth = np.stack([np.arange(PATIENTS) % 2, np.arange(PATIENTS) // 2 % 2], axis=1)
    scores = np.clip(0.5 + 0.3 * (2 * truth - 1) + 0.3 * generator.normal(size=truth.shape), 0.01, 0.99)
    return Judged(Cases(np.arange(PATIENTS), truth, scores), POINTS | points)


def _with_scores(judged: Judged, scores: np.ndarray) -> Judged:
    return dataclasses.replace(judged, cases=judged.cases.with_scores(scores))


def _compared(candidate: Judged, champion: Judged) -> dict[tuple[str | None, str], Estimate]:
    found = evaluate(candidate, LABELS, champion=champion, draws=200).differences
    assert found is not None
    return found


def test_the_same_scores_differ_by_nothing_in_every_metric() -> None:
    found = _compared(_judged(), _judged())
    assert {(one.lower, one.value, one.upper, one.note) for one in found.values()} == {(0, 0, 0, SAME)}
    assert {"prevalence", "macro_auroc", "brier"} <= {metric for _, metric in found}


def test_how_common_a_finding_is_depends_on_no_model() -> None:
    other = _judged()
    found = _compared(_judged(), _with_scores(other, 1 - other.cases.scores))
    assert all((one.lower, one.upper) == (0, 0) for (_, metric), one in found.items() if metric.endswith("prevalence"))
    assert found["mass", "auroc"].lower > 0


def test_only_the_finding_whose_scores_differ_differs() -> None:
    candidate, scores = _judged(), _judged().cases.scores.copy()
    scores[:, 1] = scores[::-1, 1]
    found = _compared(candidate, _with_scores(candidate, scores))
    assert found["mass", "auroc"].note == SAME and found["mass", "mcc"].note == SAME
    assert found["effusion", "auroc"].note == "" and found[None, "macro_auroc"].note == ""
    assert found["effusion", "auroc"].lower < found["effusion", "auroc"].upper


def test_another_operating_point_differs_in_flags_and_in_nothing_else() -> None:
    found = _compared(_judged(), _judged(mass=0.9))
    assert found["mass", "auroc"].note == SAME and found["mass", "brier"].note == SAME
    assert found["mass", "sensitivity"].value > 0 and found["mass", "sensitivity"].note == ""


def test_scores_that_differ_and_flag_the_same_leave_open_what_so_few_patients_do() -> None:
    """0 of the 20 patients with the finding differ: Clopper and Pearson's upper limit is 1 - .025 ** (1 / 20), .168."""
    candidate = _judged()
    nearer = np.where(candidate.cases.scores >= 0.5, 0.5, 0) + candidate.cases.scores / 2.1
    found = _compared(candidate, _with_scores(candidate, nearer))["mass", "sensitivity"]
    assert found.value == 0 and found.note.startswith(f"{AGREED}; 20 patients do not exclude that up to 16.8 % of all")
    assert (found.lower, found.upper) == (pytest.approx(-0.1684, abs=1e-4), pytest.approx(0.1684, abs=1e-4))
    # Tango 1998, for paired proportions without a discordant pair: z ** 2 / (n + z ** 2).
    assert found.upper == pytest.approx(1.96**2 / (20 + 1.96**2), abs=0.01)


def test_two_perfect_orders_are_told_apart_no_further_than_the_fewer_patients_allow() -> None:
    truth = _judged().cases.labels
    one, other = (_with_scores(_judged(), 0.2 + by * truth) for by in (0.6, 0.7))
    found = _compared(one, other)["mass", "auroc"]
    assert (found.value, found.upper) == (0, pytest.approx(1 - 0.025 ** (1 / 20)))


def test_draws_that_agree_on_a_difference_keep_it_in_range() -> None:
    found = paired_difference(1.0, np.ones(100), same=False, patients=20)
    assert (found.value, found.upper) == (1, 1) and found.lower == pytest.approx(0.025 ** (1 / 20))


def test_what_has_no_farthest_end_is_as_wide_as_two_models_apart() -> None:
    found = paired_difference(0.0, np.zeros(100), same=False, patients=20, reach=None, apart=(-2.0, 3.0))
    assert (found.lower, found.upper, found.note) == (-2, 3, "")


def test_a_difference_that_is_not_defined_says_so_though_the_scores_are_the_same() -> None:
    found = paired_difference(float("nan"), np.full(100, np.nan), same=True, patients=20)
    assert (found.value, found.note) == (None, "not defined")
