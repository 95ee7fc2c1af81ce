"""Distances of counted samples against scipy's, and what chance makes of them against Fisher's exact test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial import distance

from evaluation.divergence import by_chance, jensen_shannon, kolmogorov_smirnov, rate_difference, rate_rise

counts = arrays(np.int64, 6, elements=st.integers(0, 50)).filter(lambda found: found.sum() > 0)


@given(counts, counts)
def test_the_divergence_is_scipys_distance_squared_symmetric_and_at_most_a_bit(first, second) -> None:
    found = float(jensen_shannon(first, second))
    assert found == pytest.approx(distance.jensenshannon(first, second, base=2) ** 2, abs=1e-7)
    assert found == pytest.approx(float(jensen_shannon(second, first)), abs=1e-12)
    assert 0 <= found <= 1 + 1e-12


@given(counts, counts)
def test_kolmogorov_and_smirnovs_distance_is_scipys(first, second) -> None:
    found = float(kolmogorov_smirnov(first, second))
    values = [np.repeat(np.arange(6), one) for one in (first, second)]
    assert found == pytest.approx(stats.ks_2samp(*values).statistic, abs=1e-12)


def test_rates_by_hand() -> None:
    first, second = np.array([10, 30]), np.array([20, 20])
    assert float(rate_rise(first, second)) == pytest.approx(0.25)
    assert float(rate_rise(second, first)) == pytest.approx(-0.25)
    assert float(rate_difference(second, first)) == pytest.approx(0.25)


def test_samples_that_share_nothing_are_a_bit_apart() -> None:
    assert float(jensen_shannon(np.array([5, 0]), np.array([0, 9]))) == pytest.approx(1.0)


def test_chance_of_a_rise_is_that_of_fishers_exact_test() -> None:
    first, second = np.array([8, 42]), np.array([17, 33])
    found = by_chance(first, second, rate_rise, draws=40_000)
    expected = stats.fisher_exact([[17, 33], [8, 42]], alternative="greater")[1]
    assert found.p_value == pytest.approx(expected, abs=0.004)


def test_the_mean_divergence_by_chance_is_that_of_its_expansion() -> None:
    """(bins - 1) / (8 ln 2) * (1/n + 1/m) for large samples (Grosse et al., Physical Review E 2002)."""
    first, second = np.full(10, 100), np.full(10, 50)
    expected = 9 / (8 * np.log(2)) * (1 / 1000 + 1 / 500)
    assert by_chance(first, second, jensen_shannon).mean == pytest.approx(expected, rel=0.04)


def test_chance_goes_beyond_a_level_as_often_as_it_says_and_equal_samples_are_no_surprise() -> None:
    same = np.array([30, 20, 10])
    found = by_chance(same, same, jensen_shannon)
    assert found.p_value == 1.0 and found.observed == pytest.approx(0.0)
    assert np.mean(found.draws > found.beyond(0.05)) <= 0.05
    assert found.beyond(0.01) > found.beyond(0.05) > found.mean


def test_draws_keep_both_samples_sizes_and_the_seed_decides() -> None:
    first, second = np.array([4, 0, 3]), np.array([1, 2, 0])
    seen = []

    def watched(one, other):
        seen.append((one, other))
        return jensen_shannon(one, other)

    again = by_chance(first, second, watched, draws=50, seed=3)
    one, other = seen[-1]
    assert (one + other == first + second).all() and (other.sum(axis=1) == 3).all() and (one >= 0).all()
    assert (again.draws == by_chance(first, second, jensen_shannon, draws=50, seed=3).draws).all()
