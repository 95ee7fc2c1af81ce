"""Distances against scikit-learn's Mahalanobis distance, and where there are more dimensions than vectors."""

from __future__ import annotations

import numpy as np
from sklearn.covariance import EmpiricalCovariance

from evaluation.subspace import fit_subspace


def test_with_every_axis_it_is_the_mahalanobis_distance() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 3
    theirs = EmpiricalCovariance().fit(vectors).mahalanobis(vectors) * 199 / 200  # theirs divides by n
    np.testing.assert_allclose(fit_subspace(vectors, share=1.0).squared_distance(vectors), theirs, rtol=1e-6)


def test_what_leaves_the_axes_counts_by_the_variance_beside_them() -> None:
    rng = np.random.default_rng(1)
    long, short = rng.normal(0, 1, (500, 2)), rng.normal(0, 0.1, (500, 8))
    vectors = np.concatenate([long @ rng.normal(size=(2, 8)) + short, short], axis=1)
    subspace = fit_subspace(vectors, share=0.7)
    assert 1 <= subspace.axes.shape[1] < 8
    usual, strange = vectors[:1], vectors[:1] + np.eye(16)[:1] * 20
    assert subspace.squared_distance(strange)[0] > 20 * subspace.squared_distance(usual)[0]


def test_fewer_vectors_than_dimensions_and_a_constant_one_give_finite_distances() -> None:
    vectors = np.random.default_rng(2).normal(size=(12, 40))
    vectors[:, 0] = 7.0
    subspace = fit_subspace(vectors, share=0.95)
    assert subspace.axes.shape[1] == 2  # five vectors an axis
    assert np.all(np.isfinite(subspace.squared_distance(vectors + 1)))
