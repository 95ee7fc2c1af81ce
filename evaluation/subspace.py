"""How far a vector lies from others: a Mahalanobis distance that also works with more dimensions than vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import Floats

_SMALLEST_VARIANCE = 1e-8
_VECTORS_PER_AXIS = 5
"""A variance that is estimated from fewer vectors than this would be too small by chance."""


@dataclass(frozen=True)
class Subspace:
    """Probabilistic principal components (Tipping and Bishop, J. R. Statist. Soc. B 1999) of standardized vectors.

    The squared Mahalanobis distance under their covariance is that along the axes, plus what is left over its variance.

    Attributes:
        mean, scale: float64 (dimensions,), subtracted and divided by.
        axes: (dimensions, axes), orthonormal; variances: (axes,), along them.
        rest: variance of each direction beside the axes.
    """

    mean: Floats
    scale: Floats
    axes: Floats
    variances: Floats
    rest: float

    def squared_distance(self, vectors: NDArray[Any]) -> Floats:
        """Returns the squared Mahalanobis distance (n,) of vectors (n, dimensions)."""
        standardized = (np.asarray(vectors, np.float64) - self.mean) / self.scale
        along = standardized @ self.axes
        left = np.sum(standardized**2, axis=1) - np.sum(along**2, axis=1)
        distance: Floats = np.sum(along**2 / self.variances, axis=1) + np.maximum(left, 0.0) / self.rest
        return distance


def fit_subspace(vectors: NDArray[Any], *, share: float) -> Subspace:
    """Returns the subspace of vectors (n, dimensions), n at least 2, whose axes hold a share of the variance.

    Args:
        vectors: what is usual.
        share: of the variance, 0..1; fewer axes hold less where the vectors are few.
    """
    vectors = np.asarray(vectors, np.float64)
    mean, scale = vectors.mean(0), np.maximum(vectors.std(0), np.sqrt(_SMALLEST_VARIANCE))
    _, singular, rows = np.linalg.svd((vectors - mean) / scale, full_matrices=False)
    variances = np.maximum(singular**2 / (len(vectors) - 1), _SMALLEST_VARIANCE)
    wanted = int(np.searchsorted(np.cumsum(variances) / variances.sum(), share - 1e-12)) + 1
    count = max(1, min(wanted, len(vectors) // _VECTORS_PER_AXIS, len(variances)))
    beside = vectors.shape[1] - count
    rest = variances[count:].sum() / beside if beside else 1.0
    return Subspace(mean, scale, rows[:count].T, variances[:count], float(max(rest, _SMALLEST_VARIANCE)))
