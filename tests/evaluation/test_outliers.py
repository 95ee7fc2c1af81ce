from __future__ import annotations

import numpy as np

from evaluation.outliers import far_out

NORMAL = np.random.default_rng(1).normal(10, 1, 1000)


def test_a_value_far_from_the_median_is_far_out() -> None:
    assert np.flatnonzero(far_out(np.append(NORMAL, [30.0, -5.0]))).tolist() == [1000, 1001]


def test_normal_values_have_no_outlier() -> None:
    assert not far_out(NORMAL).any()


def test_a_second_kind_is_no_outlier() -> None:
    assert not far_out(np.append(NORMAL, np.full(50, 30.0))).any()


def test_values_that_are_mostly_equal_have_no_scale() -> None:
    assert not far_out(np.array([1.0] * 60 + [2.0] * 40)).any()


def test_what_is_not_known_is_not_far_out() -> None:
    assert np.flatnonzero(far_out(np.append(NORMAL, [np.nan, 30.0]))).tolist() == [1001]
    assert not far_out(np.full(3, np.nan)).any() and not far_out(np.empty(0)).any()
