"""How unlike two samples are that are counted in the same bins, and how unlike chance makes them.

Where one case of each patient is counted, and both samples come from one population, it is chance alone which of the
counted patients are in the second sample. The counts of that one then have the multivariate hypergeometric
distribution: the permutation test's, exactly, without a permutation (Fisher 1935; Ernst, Statistical Science 2004).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Statistic = Callable[[Counts, Counts], Floats]
"""From counts int (..., bins) of the first and the second sample to distances (...)."""

DRAWS = 4000
_TINY = 1e-12
"""Distances of equal tables differ by rounding alone."""


def jensen_shannon(first: Counts, second: Counts) -> Floats:
    """Returns the Jensen-Shannon divergence in bits, 0..1 (Lin, IEEE Transactions on Information Theory 1991)."""
    p, q = _shares(first), _shares(second)
    middle = (p + q) / 2
    return np.maximum(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2)


def kolmogorov_smirnov(first: Counts, second: Counts) -> Floats:
    """Returns the largest difference of the cumulative shares, 0..1; bins are in order."""
    gap: Floats = np.abs(np.cumsum(_shares(first), axis=-1) - np.cumsum(_shares(second), axis=-1)).max(axis=-1)
    return gap


def rate_difference(first: Counts, second: Counts) -> Floats:
    """Returns how far the shares of the first bin lie apart, 0..1."""
    return np.abs(rate_rise(first, second))


def rate_rise(first: Counts, second: Counts) -> Floats:
    """Returns how much larger the first bin's share is in the second sample, -1..1."""
    rise: Floats = _shares(second)[..., 0] - _shares(first)[..., 0]
    return rise


@dataclass(frozen=True)
class Chance:
    """What a distance is where both samples come from one population.

    Attributes:
        observed: the distance of the samples.
        draws: float64 (draws,), distances by chance, in order.
    """

    observed: float
    draws: Floats

    @property
    def mean(self) -> float:
        """The distance that chance alone makes on average."""
        return float(self.draws.mean())

    @property
    def p_value(self) -> float:
        """Chance of a distance as large as the one observed; never below 1 / (draws + 1)."""
        return float((1 + np.count_nonzero(self.draws >= self.observed - _TINY)) / (1 + len(self.draws)))

    def beyond(self, level: float) -> float:
        """Returns a distance that chance exceeds in at most a share `level` of samples."""
        return float(np.quantile(self.draws, 1 - level, method="higher"))


def by_chance(first: Counts, second: Counts, statistic: Statistic, *, draws: int = DRAWS, seed: int = 0) -> Chance:
    """Returns the distance of two samples, beside what chance makes of it.

    Args:
        first: int (bins,), one case a patient.
        second: int (bins,), of other patients.
        statistic: the distance.
        draws: tables drawn.
        seed: of the generator.
    """
    pooled = first + second
    generator = np.random.default_rng(seed)
    drawn = generator.multivariate_hypergeometric(pooled, int(second.sum()), size=draws, method="marginals")
    return Chance(float(statistic(first, second)), np.sort(statistic(pooled - drawn, drawn)))


def _shares(counts: Counts) -> Floats:
    shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return shares


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    """Returns sum p log2(p / q); q is not 0 where p is not."""
    logs = np.log2(np.divide(p, q, out=np.ones_like(p), where=p > 0))
    entropy: Floats = (p * logs).sum(axis=-1)
    return entropy
