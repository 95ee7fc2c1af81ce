"""Youden's point, by hand and against scikit-learn's ROC curve."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from data_schemas.decisions import OperatingPoint
from evaluation.operating_points import operating_point


def test_the_point_lies_midway_between_the_scores_it_separates() -> None:
    assert operating_point(np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.5, 0.8, 0.9])) == pytest.approx(0.4)


def test_youdens_j_is_the_roc_curves_largest() -> None:
    generator = np.random.default_rng(2)
    labels = generator.integers(0, 2, 300)
    scores = np.round(labels * 0.5 + generator.normal(size=300), 1)
    false_positives, true_positives, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    flagged = scores >= operating_point(labels, scores)
    reached = flagged[labels == 1].mean() - flagged[labels == 0].mean()
    assert reached == pytest.approx((true_positives - false_positives).max())


def test_of_equal_points_the_lowest_misses_fewest() -> None:
    labels, scores = np.array([0, 0, 1, 0, 1, 1]), np.array([1.0, 2, 3, 4, 5, 6])
    # Flagging from 3 on: 1 + 2/3 - 1; from 5 on: 2/3 + 1 - 1. Equal.
    assert operating_point(labels, scores) == pytest.approx(2.5)


def test_unknown_labels_are_left_out() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, -1])
    assert operating_point(labels, np.array([0.1, 0.2, 0.3, 0.5, 0.8, 0.9, 0.4])) == pytest.approx(0.4)


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
    assert operating_point(np.array(labels), np.array(scores), fallback=0.25) == 0.25


LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.6, 0.25, 0.5, 0.7, 0.9])


@pytest.mark.parametrize(
    ("rule", "point"),
    [
        ({"rule": "specificity", "value": 0.99}, 0.65),  # above 0.6, the highest score of a negative case
        ({"rule": "specificity", "value": 0.75}, 0.4),  # three of four negative cases lie below 0.5
        ({"rule": "sensitivity", "value": 0.99}, 0.225),  # below 0.25, the lowest score of a positive case
        ({"rule": "sensitivity", "value": 0.75}, 0.4),
        ({"rule": "cost", "false_negative_cost": 100.0}, 0.225),  # nothing may be missed
        ({"rule": "cost", "false_positive_cost": 100.0}, 0.65),  # nothing may be flagged in vain
        # Where one in a thousand is positive, a needless flag is as dear as above.
        ({"rule": "cost", "prevalence": 0.001}, 0.65),
    ],
)
def test_each_rule_chooses_its_point(rule: dict[str, object], point: float) -> None:
    assert operating_point(LABELS, SCORES, OperatingPoint.model_validate(rule)) == pytest.approx(point)


def test_the_expected_cost_is_the_smallest_of_all_points() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 200)
    scores = labels * 0.3 + rng.random(200)
    rule = OperatingPoint(rule="cost", false_negative_cost=3.0, false_positive_cost=1.0)

    def cost(point: float) -> float:
        flagged = scores >= point
        return float(3 * np.sum(~flagged & (labels == 1)) + np.sum(flagged & (labels == 0)))

    assert cost(operating_point(labels, scores, rule)) == min(cost(point) for point in [*scores, 9.0])
