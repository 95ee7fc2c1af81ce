"""Carrying probabilities to another prevalence: Bayes' rule by hand, there and back, and flags that stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_schemas.task import Labels
from evaluation.prevalence import carried, complete, logit_shift, prevalence_of

TWO = Labels(type="multi_class", names=("normal", "nodule"), no_finding="normal")
FINDINGS = Labels(type="multi_label", names=("a", "b"))


def test_a_probability_is_carried_by_bayes_rule() -> None:
    # At one in two, 0.9 means a likelihood ratio of 9; at one in ten the odds are 9 x 1/9 = 1.
    shift = logit_shift({"normal": 0.5, "nodule": 0.5}, {"normal": 0.9, "nodule": 0.1}, TWO)
    np.testing.assert_allclose(carried(np.array([[0.1, 0.9]]), shift, TWO), [[0.5, 0.5]])


def test_findings_are_carried_each_by_itself() -> None:
    shift = logit_shift({"a": 0.5, "b": 0.2}, {"a": 0.1, "b": 0.2}, FINDINGS)
    np.testing.assert_allclose(carried(np.array([[0.9, 0.7]]), shift, FINDINGS), [[0.5, 0.7]])


@given(st.lists(st.floats(0.01, 0.98), min_size=3, max_size=3), st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_the_way_back_ends_where_it_began(scores: list[float], priors: list[float]) -> None:
    labels = Labels(type="multi_class", names=("x", "y", "z"))
    start = np.array([scores]) / sum(scores)
    before = dict.fromkeys(labels.names, 1 / 3)
    after = dict(zip(labels.names, np.array(priors) / sum(priors), strict=True))
    shift = logit_shift(before, after, labels)
    np.testing.assert_allclose(carried(carried(start, shift, labels), -shift, labels), start, rtol=1e-6)


def test_one_class_may_be_left_to_be_the_rest() -> None:
    assert complete({"nodule": 0.1}, TWO) == pytest.approx({"normal": 0.9, "nodule": 0.1})


def test_prevalence_is_over_known_labels() -> None:
    assert prevalence_of(np.array([0, 1, 1, -1]), ("x", "y")) == pytest.approx({"x": 1 / 3, "y": 2 / 3})
    found = prevalence_of(np.array([[1, -1], [0, -1]]), ("a", "b"))
    assert found["a"] == 0.5 and np.isnan(found["b"])
