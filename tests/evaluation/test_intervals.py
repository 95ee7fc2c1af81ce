"""Intervals: exact limits from the literature, resampling by patient, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evaluation.intervals import bootstrap, clopper_pearson, other_estimate, percentile_interval, rate_estimate
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


def test_a_perfect_rate_has_width() -> None:
    estimate = rate_estimate(1.0, np.ones(1000), patients=20)
    assert (estimate.value, estimate.upper) == (1.0, 1.0)
    assert estimate.lower == pytest.approx(0.8316, abs=1e-4)


def test_one_patient_says_next_to_nothing() -> None:
    estimate = rate_estimate(0.9, np.full(1000, 0.9), patients=1)
    assert estimate.lower is not None and estimate.upper is not None
    assert estimate.lower < 0.05 and estimate.upper == pytest.approx(1, abs=0.01)


def test_an_undefined_value_has_no_interval() -> None:
    estimate = rate_estimate(float("nan"), np.full(1000, np.nan), patients=5)
    assert (estimate.value, estimate.lower, estimate.upper) == (None, None, None)


def test_limits_stay_in_range_and_hold_the_value() -> None:
    estimate = other_estimate(-0.9, np.linspace(-1.4, -0.95, 1000), exact=None, lowest=-1.0)
    assert (estimate.lower, estimate.value, estimate.upper) == (-1.0, -0.9, -0.9)


@pytest.mark.parametrize("truth", [0.8, 0.97])
def test_a_rate_over_patients_with_several_images_is_covered(truth: float) -> None:
    """60 patients with 3 images that agree more often than chance: the interval must hold the truth 95 times in 100."""
    generator = np.random.default_rng(11)
    patients, hits, trials = np.repeat(np.arange(60), 3), 0, 150
    concentration = 2.0
    for trial in range(trials):
        skill = generator.beta(truth * concentration, (1 - truth) * concentration, size=60)
        right = (generator.uniform(size=180) < np.repeat(skill, 3)).astype(float)
        drawn = bootstrap(
            lambda weights, right=right: {"a": weights @ right / weights.sum(axis=1)}, patients, seed=trial
        )
        estimate = rate_estimate(right.mean(), drawn["a"], patients=60)
        hits += estimate.lower <= truth <= estimate.upper
    # 150 trials at .95 have a standard error of .018; wider than asked is no fault here.
    assert hits / trials >= 0.95 - 2 * 0.018
