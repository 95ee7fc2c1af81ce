"""Intervals: exact limits from the literature, resampling by patient, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evaluation.intervals import (
    ClusteredRate,
    bootstrap,
    clopper_pearson,
    clustered_rate,
    difference_limits,
    estimate,
    mean_limits,
    percentile_interval,
    ratio_limits,
)
from evaluation.metrics import Floats


def test_clopper_pearson_of_twenty_in_twenty_by_hand() -> None:
    # With no failure the lower limit solves p^20 = .025.
    assert clopper_pearson(20, 20) == pytest.approx((0.025 ** (1 / 20), 1.0))


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (81, 263), (10, 10)])
def test_clopper_pearson_equals_scipys(successes: int, trials: int) -> None:
    expected = stats.binomtest(successes, trials).proportion_ci(method="exact")
    assert clopper_pearson(successes, trials) == pytest.approx((expected.low, expected.high))


def test_draws_take_whole_patients() -> None:
    patients = np.array(["a", "b", "a", "c", "b", "a"])
    drawn = bootstrap(lambda weights: {"w": weights}, patients, draws=50)["w"]
    assert (
        (drawn[:, 0] == drawn[:, 2]).all() and (drawn[:, 0] == drawn[:, 5]).all() and (drawn[:, 1] == drawn[:, 4]).all()
    )
    assert (drawn[:, 0] + drawn[:, 1] + drawn[:, 3] == 3).all()


def test_the_order_of_cases_does_not_matter_and_the_seed_does() -> None:
    patients, right = np.array([1, 1, 2, 3, 4]), np.array([1.0, 0, 1, 1, 0])
    order = np.array([4, 2, 0, 3, 1])
    first = bootstrap(lambda weights: {"n": weights @ right}, patients, draws=100)["n"]
    again = bootstrap(lambda weights: {"n": weights @ right[order]}, patients[order], draws=100)["n"]
    other = bootstrap(lambda weights: {"n": weights @ right}, patients, draws=100, seed=1)["n"]
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_many_cases_are_drawn_in_parts_that_add_up() -> None:
    patients = np.arange(3000)
    sizes: list[int] = []

    def count(weights: Floats) -> dict[str, Floats]:
        sizes.append(len(weights))
        return {"n": weights.sum(axis=1)}

    assert bootstrap(count, patients)["n"].tolist() == [3000.0] * 1000
    assert len(sizes) > 1 and sum(sizes) == 1000


def test_percentiles_leave_undefined_draws_out_until_they_are_the_most() -> None:
    values = np.concatenate([np.arange(101.0), np.full(100, np.nan)])
    assert percentile_interval(values) == pytest.approx((2.5, 97.5))
    assert percentile_interval(np.append(values, [np.nan, np.nan])) is None


def _rate(successes: list[int], patients: list[int], weights: list[float] | None = None) -> ClusteredRate:
    right = np.array(successes, np.bool_)
    weight = None if weights is None else np.array(weights)
    return clustered_rate(right, np.ones(right.size, np.bool_), np.array(patients), weight)


def test_a_perfect_rate_counts_each_patient_once() -> None:
    rate = _rate([1] * 40, [number // 2 for number in range(40)])
    assert rate.limits() == pytest.approx(clopper_pearson(20, 20))
    assert rate.estimate().value == 1.0 and rate.estimate().patients == 20


def test_images_that_agree_within_a_patient_are_worth_the_patients() -> None:
    # 20 patients, 16 right, each with 5 equal images: the variance is that of 20 trials, p (1 - p) / 19 by n - 1.
    rate = _rate([int(number // 5 < 16) for number in range(100)], [number // 5 for number in range(100)])
    assert (rate.value, rate.trials) == (pytest.approx(0.8), pytest.approx(19))


def test_independent_images_are_worth_no_more_than_their_number() -> None:
    # Every patient has one right and one wrong: the rate does not vary at all between them, which cannot be trusted.
    rate = _rate([1, 0] * 15, [number // 2 for number in range(30)])
    assert rate.trials <= 30
    assert rate.limits()[1] - rate.limits()[0] > 0.2


def test_weights_move_the_rate_and_cost_trials() -> None:
    rate = _rate([1, 1, 0, 0], [0, 1, 2, 3], [3, 3, 1, 1])
    assert rate.value == pytest.approx(6 / 8) and rate.trials < 4


def test_one_patient_says_next_to_nothing_and_nobody_says_nothing() -> None:
    one = _rate([1, 1, 1, 0], [0, 0, 0, 0]).estimate()
    assert one.lower < 0.05 and one.upper == pytest.approx(1, abs=0.02)
    nobody = clustered_rate(np.ones(2, np.bool_), np.zeros(2, np.bool_), np.arange(2)).estimate()
    assert (nobody.value, nobody.lower, nobody.patients, nobody.note) == (None, None, 0, "not defined")


def test_limits_stay_in_range_and_hold_the_value() -> None:
    found = estimate(-0.9, (-1.4, -0.95), lowest=-1.0)
    assert (found.lower, found.value, found.upper) == (-1.0, -0.9, -0.9)


def test_limits_of_a_difference_equal_newcombes_worked_example() -> None:
    # Newcombe, Statistics in Medicine 1998, example (a), method 10: 56/70 - 48/80, Wilson limits.
    first, second = (stats.binomtest(*counts).proportion_ci(method="wilson") for counts in ((56, 70), (48, 80)))
    found = difference_limits(56 / 70, (first.low, first.high), 48 / 80, (second.low, second.high))
    assert found == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_limits_of_a_mean_by_hand() -> None:
    # Below by the root of .09 + .16, above by that of .09 + .16, each halved.
    assert mean_limits([0.4, 0.6], [(0.1, 0.7), (0.2, 1.0)]) == pytest.approx((0.25, 0.75))


def test_limits_of_a_ratio_by_hand_and_at_its_ends() -> None:
    # log 2 -+ sqrt(log(2)^2 + log(2)^2) for limits that halve and double.
    lower, upper = ratio_limits(0.8, (0.4, 1.6), 0.4, (0.2, 0.8))
    assert (np.log(lower), np.log(upper)) == pytest.approx((np.log(2) * (1 - 2**0.5), np.log(2) * (1 + 2**0.5)))
    assert ratio_limits(0.8, (0.4, 1.0), 0.0, (0.0, 0.2)) is None
    assert ratio_limits(0.0, (0.0, 0.1), 0.5, (0.4, 0.6)) == pytest.approx((0.0, 0.25))
