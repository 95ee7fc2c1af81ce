"""Youden's point, by hand and against scikit-learn's ROC curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation.operating_points import youden


def test_the_point_lies_midway_between_the_scores_it_separates() -> None:
    assert youden(np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.5, 0.8, 0.9])) == pytest.approx(0.4)


def test_youdens_j_is_the_roc_curves_largest() -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 2, 300)
    scores = np.round(labels * 0.5 + generator.normal(size=300), 1)
    false_positives, true_positives, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    flagged = scores >= youden(labels, scores)
    reached = flagged[labels == 1].mean() - flagged[labels == 0].mean()
    assert reached == pytest.approx((true_positives - false_positives).max())


def test_of_equal_points_the_lowest_misses_fewest() -> None:
    labels, scores = np.array([0, 0, 1, 0, 1, 1]), np.array([1.0, 2, 3, 4, 5, 6])
    # Flagging from 3 on: 1 + 2/3 - 1; from 5 on: 2/3 + 1 - 1. Equal.
    assert youden(labels, scores) == pytest.approx(2.5)


def test_unknown_labels_are_left_out() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, -1])
    assert youden(labels, np.array([0.1, 0.2, 0.3, 0.5, 0.8, 0.9, 0.4])) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.8, 0.9]),  # too few positive cases
        ([0, 0, 0, 1, 1, 1], [0.4] * 6),  # one score for all
        ([0, 0, 0, 1, 1, 1], [0.9, 0.8, 0.7, 0.3, 0.2, 0.1]),  # worse than chance everywhere
        ([], []),
    ],
)
def test_the_fallback_stands_where_no_point_means_anything(labels: list[int], scores: list[float]) -> None:
    assert youden(np.array(labels), np.array(scores), fallback=0.25) == 0.25
