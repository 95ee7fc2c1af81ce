"""What one model is worth less another on the same cases, each draw of patients taking both of them.

Percentiles of draws that all agree have no width. There are two reasons for that, and they mean different things. Where
both models give the same scores, nothing could differ: the difference is 0 to 0. Where scores differ, but no patient
shows it in the metric, another patient could: of n patients none differed, so up to 1 - .025 ** (1 / n) of all may
(Clopper and Pearson's limit of 0 in n; Tango's for paired proportions, Statistics in Medicine 1998, is as wide).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from data_schemas.metrics import METRICS, RANGES
from data_schemas.task import Labels
from evaluation.finding_cases import FindingCases
from evaluation.intervals import (
    DRAWS,
    Estimate,
    Limits,
    bootstrap,
    clopper_pearson,
    difference_limits,
    estimate,
    percentile_interval,
)
from evaluation.metrics import Floats
from evaluation.summary import WHOLE_TASK, Cases, Key, Summary, values

SAME = "the same scores"
"""Note of a difference that is 0 because nothing differs."""
AGREED = "all draws of patients agree"
"""Begins the note of a difference that is the same whichever patients are drawn, although scores differ."""

_BY_ORDER = ("auroc", "average_precision", "sensitivity_at_90_specificity")
_BY_PROBABILITY = ("brier", "log_loss", "ece")
_REWEIGHTED = ("ppv", "npv")
_BY_FLAGS = (
    "accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1", "mcc", "positive_likelihood_ratio",
    "negative_likelihood_ratio", "flag_rate",
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Cases as one model sees them, and where it flags.

    Attributes:
        cases: with this model's scores.
        points: operating point by finding.
    """

    cases: Cases
    points: Mapping[str, float]


def differences(
    candidate: Judged,
    champion: Judged,
    labels: Labels,
    *,
    summaries: tuple[Summary, Summary],
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[Key, Estimate]:
    """Returns candidate less champion for every metric that draws exist for, each draw taking the same patients.

    Args:
        candidate: the one that is judged.
        champion: the same cases in the same order.
        labels: the task's.
        summaries: what each is worth alone.
        draws: of the bootstrap.
        seed: of the draws.
    """
    statistic = partial(_differences_of, candidate, champion, labels)
    drawn = bootstrap(statistic, candidate.cases.patients, draws=draws, seed=seed)
    same = _same(candidate, champion, labels)
    first, second = summaries
    return {
        key: _difference(key, first.estimate(*key), second.estimate(*key), own, same=key in same)
        for key, own in drawn.items()
    }


def paired_difference(
    value: float,
    drawn: Floats,
    *,
    same: bool,
    patients: int,
    reach: float | None = 1.0,
    apart: Limits | None = None,
) -> Estimate:
    """Returns a difference with its 95 % interval.

    Args:
        value: the difference, or nan.
        drawn: it in each draw of patients.
        same: whether nothing that the metric looks at differs.
        patients: behind the value, at least 1.
        reach: the farthest that a patient can move it, all others being so too; None where there is no end to that.
        apart: limits as of two models judged on patients of their own, for where draws and reach say nothing.
    """
    if same and not math.isnan(value):
        return Estimate(0.0, 0.0, 0.0, patients, SAME)
    limits, note = percentile_interval(drawn), ""
    agreed = limits is None and np.isfinite(drawn).sum() * 2 >= drawn.size
    if agreed and reach is not None:
        unseen = clopper_pearson(0, patients)[1]
        limits = value - reach * unseen, value + reach * unseen
        note = f"{AGREED}; {patients} patients do not exclude that up to {100 * unseen:.1f} % of all are otherwise"
    found = estimate(
        value,
        apart if limits is None else limits,
        lowest=-math.inf if reach is None else -reach,
        highest=reach,
        patients=patients,
    )
    return Estimate(found.value, found.lower, found.upper, patients, found.note or note)


def _differences_of(candidate: Judged, champion: Judged, labels: Labels, weights: Floats) -> dict[Key, Floats]:
    first = values(candidate.cases, labels, candidate.points, weights=weights)
    second = values(champion.cases, labels, champion.points, weights=weights)
    return {key: first[key] - second[key] for key in first}


def _difference(key: Key, first: Estimate, second: Estimate, drawn: Floats, *, same: bool) -> Estimate:
    if first.value is None or second.value is None or not first.patients:
        return Estimate(None, patients=first.patients, note="not defined for both")
    lowest, highest = RANGES[key[1].removeprefix("macro_")]
    apart = None
    if first.limits and second.limits:
        apart = difference_limits(first.value, first.limits, second.value, second.limits)
    return paired_difference(
        first.value - second.value,
        drawn,
        same=same,
        patients=first.patients,
        reach=None if highest is None else highest - lowest,
        apart=apart,
    )


def _same(candidate: Judged, champion: Judged, labels: Labels) -> set[Key]:
    """Returns the metrics for which both are one model, as far as these cases tell."""
    by_finding = {
        finding: _same_of_finding(
            candidate.cases.of_finding(labels, finding, candidate.points[finding]),
            champion.cases.of_finding(labels, finding, champion.points[finding]),
        )
        for finding in labels.findings
    }
    found: set[Key] = {(finding, metric) for finding, metrics in by_finding.items() for metric in metrics}
    for metric in METRICS:
        if all(metric in metrics for metrics in by_finding.values()):
            found.add((WHOLE_TASK, f"macro_{metric}"))
    if np.array_equal(candidate.cases.scores, champion.cases.scores):
        found |= {(WHOLE_TASK, "accuracy"), (WHOLE_TASK, "balanced_accuracy")}
    if _alike(_probabilities(candidate.cases), _probabilities(champion.cases)) and _alike(
        candidate.cases.weights, champion.cases.weights
    ):
        found |= {(WHOLE_TASK, "brier"), (WHOLE_TASK, "log_loss")}
    return found


def _same_of_finding(first: FindingCases, second: FindingCases) -> set[str]:
    """Returns the metrics of a finding that cannot differ; how common it is depends on no model."""
    found = {"prevalence"}
    weighed_alike = _alike(first.weights, second.weights)
    if np.array_equal(first.scores, second.scores):
        found |= set(_BY_ORDER)
        if first.point == second.point:
            found |= {*_BY_FLAGS, *(_REWEIGHTED if weighed_alike else ())}
    if weighed_alike and np.array_equal(first.probabilities, second.probabilities):
        found |= set(_BY_PROBABILITY)
    return found


def _probabilities(cases: Cases) -> Floats:
    return cases.scores if cases.probabilities is None else cases.probabilities


def _alike(first: Floats | None, second: Floats | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)
