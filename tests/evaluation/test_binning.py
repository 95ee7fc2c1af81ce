"""Two samples in the same bins: nobody is lost, edges belong to the bin below, and quantiles give nearly the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_schemas.training_data import LEVELS, RARE, Numbers
from evaluation.binning import binned, binned_at_quantiles, one_each, valued, valued_by_shares
from evaluation.divergence import jensen_shannon

numbers = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.just(np.nan) | st.just(0.0))
names = st.lists(st.sampled_from(["A", "B", "C", "unknown", "rare"]), min_size=1).map(np.array)


@given(numbers, numbers)
def test_every_known_number_is_in_one_bin_whichever_sample_it_is_of(first, second) -> None:
    table = binned(first, second)
    assert table.totals == (np.isfinite(first).sum(), np.isfinite(second).sum())
    assert len(table.first) == len(table.second) == len(table.bins)
    swapped = binned(second, first)
    assert (swapped.first == table.second).all() and (swapped.second == table.first).all()


@given(names, names)
def test_every_known_name_is_counted_once(first, second) -> None:
    table = valued(first, second, fewest=3)
    assert table.totals == ((first != "unknown").sum(), (second != "unknown").sum())
    assert "unknown" not in table.bins


def test_bins_hold_their_upper_edge_and_as_many_of_both_together() -> None:
    table = binned(np.arange(1.0, 51), np.arange(51.0, 101))
    assert table.first.tolist() == [10, 10, 10, 10, 10, 0, 0, 0, 0, 0]
    assert (table.first + table.second == 10).all()
    assert table.bins[0] == "to 10" and table.bins[-1] == "above 90" and len(table.edges) == 9


def test_a_value_that_nearly_all_have_makes_few_bins() -> None:
    table = binned(np.array([0.0] * 95 + [1.0] * 5), np.zeros(50))
    assert table.bins == ("to 0", "above 0")
    assert table.first.tolist() == [95, 5] and table.second.tolist() == [50, 0]
    assert binned(np.zeros(5), np.zeros(5)).bins == ("all",)


def test_published_quantiles_give_nearly_the_same_divergence() -> None:
    generator = np.random.default_rng(4)
    there, here = generator.normal(0, 1, 4000), generator.normal(0.75, 1, 4000)
    published = Numbers(known=4000, quantiles=tuple(np.quantile(there, LEVELS)))
    table = binned_at_quantiles(published, 4000, here)
    assert table.first.tolist() == [400] * 10
    found, known = (float(jensen_shannon(one.first, one.second)) for one in (table, binned(there, here)))
    assert found == pytest.approx(known, abs=0.01) and found == pytest.approx(0.1, abs=0.015)


def test_a_published_value_that_many_share_is_no_edge() -> None:
    quantiles = (0.0,) * 17 + (0.008, 0.02)  # 5 to 85 % are 0; 90 and 95 % are not
    table = binned_at_quantiles(Numbers(known=100, quantiles=quantiles), 100, np.array([0.0, 0.0, 0.1]))
    assert table.edges == (0.008,) and table.first.tolist() == [90, 10] and table.second.tolist() == [2, 1]
    assert binned_at_quantiles(Numbers(known=3), 3, np.array([0.5])).totals == (0, 0)


def test_what_few_have_and_what_was_never_seen_are_one_value() -> None:
    first, second = np.array(["A"] * 20 + ["B"] * 2), np.array(["A"] * 3 + ["NEW"] * 4 + ["unknown"])
    table = valued(first, second, fewest=10)
    assert table.bins == ("A", RARE) and table.first.tolist() == [20, 2] and table.second.tolist() == [3, 4]
    shares = {"A": 0.6, "B": 0.1, RARE: 0.1, "unknown": 0.2}
    published = valued_by_shares(shares, 50, second)
    assert published.bins == ("A", "B", RARE)
    assert published.first.tolist() == [30, 5, 5] and published.second.tolist() == [3, 0, 4]


def test_one_of_each_patient_is_drawn_and_not_always_the_first() -> None:
    patients = np.repeat([f"p{number}" for number in range(200)], 3)
    chosen = one_each(patients)
    assert sorted(patients[chosen]) == sorted(set(patients)) and len(chosen) == 200
    assert {0, 1, 2} == set((chosen % 3).tolist())
    assert (one_each(patients) == chosen).all()
