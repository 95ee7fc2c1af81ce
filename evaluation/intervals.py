"""95 % intervals: a percentile bootstrap that resamples patients, and exact limits where that cannot know better.

Images of one patient resemble each other, so the patient is what is drawn (Field and Welsh, Bootstrapping clustered
data, JRSS-B 2007). A bootstrap of 20 right answers in 20 has no width, and one with a handful of errors is too narrow:
there the limits are Clopper and Pearson's, with each patient counted once, which errs on the wide side.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluation.metrics import Floats

CONFIDENCE = 0.95
DRAWS = 1000

_CELLS = 2_000_000
"""Weights held at a time (16 MB), whatever the number of cases and draws."""
_FEW = 5
"""With fewer patients than this on one side of a rate, its bootstrap is too narrow."""

Key = TypeVar("Key", bound=Hashable)
Statistic = Callable[[Floats], dict[Key, Floats]]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; None where it is not defined."""

    value: float | None
    lower: float | None = None
    upper: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Returns `{value, lower, upper}`."""
        return {"value": self.value, "lower": self.lower, "upper": self.upper}


def bootstrap(
    statistic: Statistic[Key], patients: NDArray[Any], *, draws: int = DRAWS, seed: int = 0
) -> dict[Key, Floats]:
    """Returns the values of a statistic over draws of patients with replacement.

    Args:
        statistic: from weights float64 (some draws, cases) to values (some draws,) by key.
        patients: (cases,), whose case it is. The result does not depend on the cases' order.
        draws: how many; percentiles of 95 % need a thousand.
        seed: of the generator; the same seed gives the same draws.

    Returns:
        by key, float64 (draws,).
    """
    generator = np.random.default_rng(seed)
    names, patient_of_case = np.unique(patients, return_inverse=True)
    at_once = max(1, _CELLS // max(1, len(patients)))
    parts = []
    for start in range(0, draws, at_once):
        size = min(at_once, draws - start)
        counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=size)
        parts.append(statistic(counts[:, patient_of_case].astype(np.float64)))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def percentile_interval(values: Floats, *, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Returns the percentile interval of bootstrap values, or None where over half the draws are not defined.

    Also None where it has no width: draws that all agree know nothing of what a further patient would do.
    """
    defined = values[~np.isnan(values)]
    if defined.size * 2 < values.size or not defined.size:
        return None
    lower, upper = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return (float(lower), float(upper)) if upper - lower > 1e-12 else None


def clopper_pearson(successes: float, trials: float, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Returns the exact binomial interval (Clopper and Pearson, Biometrika 1934).

    Args:
        successes: 0..trials; may be a fraction, as an effective number of cases can be.
        trials: above 0.
        confidence: 0..1.
    """
    tail = (1 - confidence) / 2
    failures = trials - successes
    lower = 0.0 if successes <= 1e-9 else float(stats.beta.ppf(tail, successes, failures + 1))
    upper = 1.0 if failures <= 1e-9 else float(stats.beta.ppf(1 - tail, successes + 1, failures))
    return lower, upper


def rate_estimate(value: float, values: Floats, *, patients: int) -> Estimate:
    """Returns a rate with its interval: the bootstrap's, or the exact one where few patients are on one side.

    Args:
        value: the rate, 0..1, or nan.
        values: its bootstrap draws.
        patients: how many patients have a case in the rate's denominator: the effective number of trials.
    """
    if np.isnan(value):
        return Estimate(None)
    interval = percentile_interval(values)
    if interval is None or min(value, 1 - value) * patients < _FEW:
        interval = clopper_pearson(value * patients, patients)
    return _within(value, interval, lowest=0.0)


def other_estimate(value: float, values: Floats, *, exact: tuple[float, float] | None, lowest: float = 0.0) -> Estimate:
    """Returns a value that is no rate with its bootstrap interval, or `exact` where the bootstrap has none.

    Args:
        value: `lowest`..1, or nan.
        values: its bootstrap draws.
        exact: limits to fall back on.
        lowest: the least the value can be.
    """
    if np.isnan(value):
        return Estimate(None)
    return _within(value, percentile_interval(values) or exact, lowest=lowest)


def _within(value: float, interval: tuple[float, float] | None, *, lowest: float) -> Estimate:
    if interval is None:
        return Estimate(float(value))
    # The value itself lies inside: percentiles of few draws, or of a skewed statistic, can miss it.
    lower, upper = min(interval[0], value), max(interval[1], value)
    return Estimate(float(value), float(np.clip(lower, lowest, 1.0)), float(np.clip(upper, lowest, 1.0)))
