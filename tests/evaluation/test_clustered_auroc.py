"""The AUROC's variance against DeLong's worked by hand, and over patients with several images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation.clustered_auroc import clustered_auroc, placements
from evaluation.intervals import clopper_pearson


def test_placements_count_ties_half() -> None:
    assert placements(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0])).tolist() == [0.25, 0.75, 1.0]


def test_one_image_a_patient_gives_delongs_variance() -> None:
    """DeLong, DeLong and Clarke-Pearson 1988: S10 / m + S01 / n with sample variances of the placements."""
    generator = np.random.default_rng(0)
    truth = np.arange(60) < 25
    scores = generator.normal(size=60) + truth
    found = clustered_auroc(truth, scores, np.arange(60))
    present, absent = placements(scores[truth], scores[~truth]), placements(scores[~truth], scores[truth])
    assert found.value == pytest.approx(sk.roc_auc_score(truth, scores))
    assert found.variance == pytest.approx(present.var(ddof=1) / 25 + absent.var(ddof=1) / 35)


def test_copies_of_a_patients_image_add_nothing() -> None:
    generator = np.random.default_rng(1)
    truth = np.arange(40) < 20
    scores = generator.normal(size=40) + truth
    once = clustered_auroc(truth, scores, np.arange(40))
    copied = clustered_auroc(np.repeat(truth, 5), np.repeat(scores, 5), np.repeat(np.arange(40), 5))
    assert copied.value == pytest.approx(once.value) and copied.variance == pytest.approx(once.variance)
    assert copied.limits() == pytest.approx(once.limits())


def test_perfect_order_has_the_width_of_a_rate_among_the_smaller_group() -> None:
    found = clustered_auroc(np.arange(30) < 10, -np.arange(30.0), np.arange(30)).estimate()
    assert (found.value, found.upper, found.patients) == (1.0, 1.0, 10)
    assert found.lower == pytest.approx(clopper_pearson(10, 10)[0])


@pytest.mark.parametrize(("positives", "negatives"), [(5, 5), (10, 40), (50, 50), (20, 500), (500, 20)])
def test_the_lower_limit_falls_from_perfect_order_on_and_never_jumps_up(positives: int, negatives: int) -> None:
    """The best patient without the finding climbs past one with it after another."""
    truth = np.arange(positives + negatives) >= negatives
    found = []
    for passed in (0, 1, 2, 3, positives):
        scores = np.arange(positives + negatives, dtype=np.float64)
        scores[negatives - 1] += passed + 0.5 if passed else 0.0
        found.append(clustered_auroc(truth, scores, np.arange(scores.size)))
    assert [one.value for one in found[:2]] == [1, pytest.approx(1 - 1 / (positives * negatives))]
    lower = [one.limits()[0] for one in found]
    assert all(worse <= better + 1e-3 for better, worse in itertools.pairwise(lower))
    assert lower[0] == pytest.approx(clopper_pearson(min(positives, negatives), min(positives, negatives))[0])
    assert lower[1] > lower[0] - 0.06  # one pair of many is no cliff


def test_the_reverse_of_an_order_has_the_reverse_limits() -> None:
    scores = np.array([0.0, 1, 2, 3, 4.5, 5, 6, 7, 8, 4])
    truth = np.arange(10) >= 5
    lower, upper = clustered_auroc(truth, scores, np.arange(10)).limits()
    assert clustered_auroc(~truth, scores, np.arange(10)).limits() == pytest.approx((1 - upper, 1 - lower))


def test_without_one_side_nothing_is_said() -> None:
    found = clustered_auroc(np.ones(3, np.bool_), np.arange(3.0), np.arange(3)).estimate()
    assert (found.value, found.lower, found.note) == (None, None, "not defined")
