"""95 % intervals over patients: resampling them, and closed forms where those are known to cover better.

Images of one patient resemble each other, so the patient is what is drawn (Field and Welsh, Bootstrapping clustered
data, JRSS-B 2007). A bootstrap of 20 right answers in 20 has no width, and one with a handful of errors is too narrow,
so a rate has Clopper and Pearson's limits on its effective sample size (Korn and Graubard, Survey Methodology 1998).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from evaluation.metrics import Floats

CONFIDENCE = 0.95
ONE_SIDED = 0.90
"""Confidence of a two-sided interval each of whose limits is a one-sided 95 % bound."""
DRAWS = 1000
UNSEEN = 0.03
"""Share of the binomial variance, each patient a trial, that few patients do not show of a value near 1. By simulation:
`tests/evaluation/test_coverage.py`."""

_CELLS = 1_000_000
"""Weights held at a time (8 MB), whatever the number of cases and draws."""

Limits = tuple[float, float]
Key = TypeVar("Key", bound=Hashable)
Statistic = Callable[[Floats], dict[Key, Floats]]


@dataclass(frozen=True)
class Estimate:
    """A value with its interval.

    Attributes:
        value: None where it is not defined, or not said for want of patients.
        lower, upper: limits; None where nothing bounds the value.
        patients: how many patients are behind it: those with a case in its denominator; None where nobody counted.
        note: why there is no value; of a difference, what its limits rest on where those are not percentiles.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    patients: int | None = None
    note: str = ""

    @property
    def limits(self) -> Limits | None:
        """Both limits, or None where there are none."""
        return None if self.lower is None or self.upper is None else (self.lower, self.upper)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `Estimate(**value)` reads them back."""
        return {
            "value": self.value,
            "lower": self.lower,
            "upper": self.upper,
            "patients": self.patients,
            "note": self.note,
        }


def estimate(
    value: float,
    limits: Limits | None,
    *,
    lowest: float = 0.0,
    highest: float | None = 1.0,
    patients: int | None = None,
) -> Estimate:
    """Returns a value with limits that hold it and stay in its range.

    Args:
        value: nan where it is not defined.
        limits: percentiles of few draws, or of a skewed statistic, can miss the value: then they are moved to it.
        lowest: end of the value's range.
        highest: its other end; None where there is none.
        patients: behind the value.
    """
    if math.isnan(value):
        return Estimate(None, patients=patients, note="not defined")
    if limits is None:
        return Estimate(float(value), patients=patients)
    lower, upper = max(min(limits[0], value), lowest), max(limits[1], value)
    return Estimate(float(value), float(lower), float(upper if highest is None else min(upper, highest)), patients)


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
        drawn = generator.integers(len(names), size=(size, len(names))) + np.arange(size)[:, np.newaxis] * len(names)
        counts = np.bincount(drawn.ravel(), minlength=size * len(names)).reshape(size, len(names))
        parts.append(statistic(counts[:, patient_of_case].astype(np.float64)))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def percentile_interval(values: Floats, *, confidence: float = CONFIDENCE) -> Limits | None:
    """Returns the percentile interval of bootstrap values, or None where over half the draws are not defined.

    Also None where it has no width: draws that all agree know nothing of what a further patient would do.
    """
    defined = values[np.isfinite(values)]
    if defined.size * 2 < values.size or not defined.size:
        return None
    lower, upper = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return (float(lower), float(upper)) if upper - lower > 1e-12 else None


def resampled_limits(value: float, values: Floats, *, patients: int) -> Limits | None:
    """Returns limits of a value in 0..1 by the variance of its draws, on the logit scale with t.

    Near 1, percentiles are too narrow: few patients show an error, and draws of those can show no other. So a little of
    the variance that a rate of so many trials has is added.

    Args:
        value: 0..1.
        values: bootstrap draws.
        patients: behind the value.

    Returns:
        None for a value of 0 or 1, and where over half of the draws are not defined.
    """
    defined = values[np.isfinite(values)]
    if not 0 < value < 1 or defined.size * 2 < values.size or patients < 2:
        return None
    variance = float(defined.var()) + UNSEEN * value * (1 - value) / patients
    return logit_limits(value, variance, degrees=patients - 1)


def clopper_pearson(successes: float, trials: float, *, confidence: float = CONFIDENCE) -> Limits:
    """Returns the exact binomial interval (Clopper and Pearson, Biometrika 1934).

    Args:
        successes: 0..trials; may be a fraction, as an effective number of cases can be.
        trials: above 0.
        confidence: 0..1.
    """
    tail = (1 - confidence) / 2
    failures = trials - successes
    lower = 0.0 if successes <= 1e-9 else float(special.betaincinv(successes, failures + 1, tail))
    upper = 1.0 if failures <= 1e-9 else float(special.betaincinv(successes + 1, failures, 1 - tail))
    return lower, upper


@dataclass(frozen=True)
class ClusteredRate:
    """A rate over cases that belong to patients.

    Attributes:
        value: successes / trials, or nan.
        trials: how many independent trials the rate is worth, between 0 and the cases in its denominator.
        patients: with a case in the denominator.
    """

    value: float
    trials: float
    patients: int

    def limits(self, confidence: float = CONFIDENCE) -> Limits | None:
        """Returns Korn and Graubard's interval, which is as wide as t says for so few patients; None without any."""
        if not self.patients:
            return None
        tail = (1 - confidence) / 2
        trials = self.trials
        if 0 < self.value < 1 and self.patients > 1:
            wider = _normal(tail) / _t(tail, self.patients - 1)
            trials *= wider**2
        return clopper_pearson(self.value * trials, trials, confidence=confidence)

    def estimate(self) -> Estimate:
        """Returns the rate with its 95 % interval."""
        return estimate(self.value, self.limits(), patients=self.patients)


def clustered_rate(
    successes: NDArray[Any], among: NDArray[np.bool_], patients: NDArray[np.int64], weights: Floats | None = None
) -> ClusteredRate:
    """Returns a rate among some cases.

    Where every case is alike there is no variance to go by, and each patient counts as one trial; so does each case of
    a single patient.

    Args:
        successes: bool (cases,).
        among: bool (cases,), the denominator.
        patients: int (cases,), 0..; whose case it is.
        weights: float64 (cases,), or none.
    """
    weight = among.astype(np.float64) if weights is None else weights * among
    total = weight.sum()
    of_patient = np.bincount(patients, weight)
    count = int(np.count_nonzero(np.bincount(patients, among)))
    if not total:
        return ClusteredRate(math.nan, 0.0, count)
    value = float((weight @ successes) / total)
    residual = np.bincount(patients, weight * successes) - value * of_patient
    variance = float(residual @ residual) / total**2 * (count / (count - 1) if count > 1 else 1.0)
    cases = float(total**2 / (weight @ weight))
    if not 0 < value < 1:
        return ClusteredRate(value, min(float(count), cases), count)
    if count == 1 or variance <= 0:
        return ClusteredRate(value, 1.0, count)
    return ClusteredRate(value, min(value * (1 - value) / variance, cases), count)


def logit_limits(value: float, variance: float, *, degrees: int, confidence: float = CONFIDENCE) -> Limits:
    """Returns t limits on the logit scale, which stay inside 0..1.

    Args:
        value: above 0 and below 1.
        variance: of the value.
        degrees: of freedom; at least 1.
        confidence: 0..1.
    """
    reach = -_t((1 - confidence) / 2, max(1, degrees)) * math.sqrt(variance) / (value * (1 - value))
    centre = float(special.logit(value))
    return float(special.expit(centre - reach)), float(special.expit(centre + reach))


def difference_limits(first: float, first_limits: Limits, second: float, second_limits: Limits) -> Limits:
    """Returns limits of first - second of independent groups (MOVER: Zou and Donner, Statistics in Medicine 2008)."""
    gap = first - second
    lower = gap - math.hypot(first - first_limits[0], second_limits[1] - second)
    return lower, gap + math.hypot(first_limits[1] - first, second - second_limits[0])


def mean_limits(values: Sequence[float], limits: Sequence[Limits]) -> Limits:
    """Returns limits of the mean of independent values (MOVER)."""
    centre = sum(values) / len(values)
    below = math.hypot(*(value - lower for value, (lower, _) in zip(values, limits, strict=True)))
    above = math.hypot(*(upper - value for value, (_, upper) in zip(values, limits, strict=True)))
    return centre - below / len(values), centre + above / len(values)


def ratio_limits(first: float, first_limits: Limits, second: float, second_limits: Limits) -> Limits | None:
    """Returns limits of first / second of independent rates, on the logarithm's scale (MOVER).

    None where the second is 0, or may be: nothing bounds the ratio above then. A first of 0 is bounded below by 0.
    """
    if second <= 0 or second_limits[0] <= 0:
        return None
    above = math.hypot(_log_ratio(first_limits[1], first), math.log(second / second_limits[0]))
    if first <= 0 or first_limits[0] <= 0:
        return 0.0, (first_limits[1] / second_limits[0] if first <= 0 else first / second * math.exp(above))
    below = math.hypot(math.log(first / first_limits[0]), math.log(second_limits[1] / second))
    return first / second * math.exp(-below), first / second * math.exp(above)


def _log_ratio(upper: float, value: float) -> float:
    return math.log(upper / value) if value > 0 else math.inf


def _t(probability: float, degrees: int) -> float:
    return float(special.stdtrit(degrees, probability))


def _normal(probability: float) -> float:
    return float(stats.norm.ppf(probability))
