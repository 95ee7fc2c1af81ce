"""How far a model's errors differ between groups: each difference bounded, tested, and corrected for their number.

Underdiagnosis is a diseased patient called healthy (Seyyed-Kalantari et al., Nature Medicine 2021): for a finding, its
false negatives; for the whole task, diseased cases in which no finding is flagged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from data_schemas.features import UNKNOWN
from data_schemas.task import Labels
from evaluation.clustered_auroc import ClusteredAuroc, clustered_auroc
from evaluation.finding_cases import FindingCases
from evaluation.intervals import (
    CONFIDENCE,
    ONE_SIDED,
    ClusteredRate,
    Estimate,
    Limits,
    clustered_rate,
    difference_limits,
    estimate,
)
from evaluation.summary import FEWEST_PATIENTS, Cases

WHOLE_TASK = "any finding"
"""Stands for the finding in gaps of the whole task."""


@dataclass(frozen=True)
class Gap:
    """The largest difference of one measure between the groups of an attribute.

    Attributes:
        attribute: a slice feature.
        finding: what is looked for, or `WHOLE_TASK`.
        metric: `false_negative_rate`, `false_positive_rate`, `auroc`, `calibration_in_the_large` (mean probability less
            the share that has the finding), or of the whole task `underdiagnosis_rate` (false-positive rate of "no
            finding").
        gap: largest less smallest group value; `upper` is a one-sided 95 % bound, 0 is the lowest.
        groups: value by group, with bounds that hold for all groups at once.
        worst: the group whose value is worst.
        p_value: that all groups are alike, without correction; `p_holm`: corrected for all gaps (Holm 1979).
    """

    attribute: str
    finding: str
    metric: str
    gap: Estimate
    groups: Mapping[str, Estimate]
    worst: str | None
    p_value: float | None
    p_holm: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `from_json` reads them back."""
        return {
            "attribute": self.attribute,
            "finding": self.finding,
            "metric": self.metric,
            "gap": self.gap.to_json(),
            "groups": {name: one.to_json() for name, one in self.groups.items()},
            "worst": self.worst,
            "p_value": self.p_value,
            "p_holm": self.p_holm,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Gap:
        """Returns what `to_json` gave."""
        groups = {name: Estimate(**one) for name, one in value["groups"].items()}
        return cls(**{**value, "gap": Estimate(**value["gap"]), "groups": groups})


@dataclass(frozen=True)
class Fairness:
    """Every gap, and the groups about which nothing can be said.

    Attributes:
        gaps: of attributes with at least two groups that are large enough.
        too_small: by attribute, patients of each group that is left out.
    """

    gaps: tuple[Gap, ...] = ()
    too_small: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `from_json` reads them back."""
        return {
            "gaps": [gap.to_json() for gap in self.gaps],
            "too_small": {name: dict(groups) for name, groups in self.too_small.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fairness:
        """Returns what `to_json` gave."""
        return cls(tuple(Gap.from_json(gap) for gap in value["gaps"]), value["too_small"])


def fairness(cases: Cases, labels: Labels, points: Mapping[str, float]) -> Fairness:
    """Returns the gaps between the groups of each attribute; a value that is unknown is no group.

    Args:
        cases: with `groups`.
        labels: the task's.
        points: operating point by finding.
    """
    gaps: list[Gap] = []
    too_small: dict[str, dict[str, int]] = {}
    for attribute, values in cases.groups.items():
        counts = {group: len(np.unique(cases.patients[values == group])) for group in known_groups(values)}
        small = {group: count for group, count in counts.items() if count < FEWEST_PATIENTS}
        if small:
            too_small[attribute] = small
        groups = {group: cases.take(values == group) for group in counts if group not in small}
        if len(groups) > 1:
            gaps += _gaps(attribute, groups, labels, points)
    return Fairness(_corrected(gaps), too_small)


def known_groups(values: NDArray[Any]) -> list[str]:
    """Returns the groups that occur, sorted."""
    return sorted({str(value) for value in values} - {UNKNOWN, ""})


def _gaps(attribute: str, groups: Mapping[str, Cases], labels: Labels, points: Mapping[str, float]) -> list[Gap]:
    found: list[Gap | None] = []
    for finding in labels.findings:
        of_finding = {group: cases.of_finding(labels, finding, points[finding]) for group, cases in groups.items()}
        found += [largest_gap(attribute, finding, metric, of_finding) for metric in FINDING_MEASURES]
    if labels.no_finding is not None or labels.type == "multi_label":
        measures = {group: _underdiagnosis(cases, labels, points) for group, cases in groups.items()}
        found.append(_gap(attribute, WHOLE_TASK, "underdiagnosis_rate", measures))
    return [gap for gap in found if gap is not None]


@dataclass(frozen=True)
class _Measure:
    """One group's value, with limits at any confidence, and what a test of equality needs."""

    value: float
    patients: int
    of: ClusteredRate | ClusteredAuroc | _Mean

    def limits(self, confidence: float) -> Limits | None:
        return self.of.limits(confidence)


@dataclass(frozen=True)
class _Mean:
    """A mean over cases that belong to patients."""

    value: float
    variance: float
    patients: int

    def limits(self, confidence: float = CONFIDENCE) -> Limits | None:
        if self.patients < 2:
            return None
        reach = -float(special.stdtrit(self.patients - 1, (1 - confidence) / 2)) * float(np.sqrt(self.variance))
        return self.value - reach, self.value + reach


def _false_negative_rate(cases: FindingCases) -> _Measure:
    return _of_rate(cases.rate(~cases.flagged, cases.truth))


def _false_positive_rate(cases: FindingCases) -> _Measure:
    return _of_rate(cases.rate(cases.flagged, ~cases.truth))


def _auroc(cases: FindingCases) -> _Measure:
    found = clustered_auroc(cases.truth, cases.scores, cases.patients)
    return _Measure(found.value, min(found.positives, found.negatives), found)


def _calibration(cases: FindingCases) -> _Measure:
    weights = np.ones(len(cases.truth)) if cases.weights is None else cases.weights
    difference, total = cases.probabilities - cases.truth, weights.sum()
    value = float(weights @ difference / total) if total else float("nan")
    residual = np.bincount(cases.patients, weights * (difference - value))
    count = len(residual)
    variance = float(residual @ residual) / total**2 * count / (count - 1) if count > 1 and total else float("nan")
    return _Measure(value, count, _Mean(value, variance, count))


FINDING_MEASURES = {
    "false_negative_rate": _false_negative_rate,
    "false_positive_rate": _false_positive_rate,
    "auroc": _auroc,
    "calibration_in_the_large": _calibration,
}
"""Measures of one finding, by name."""


def _of_rate(rate: ClusteredRate) -> _Measure:
    return _Measure(rate.value, rate.patients, rate)


def _underdiagnosis(cases: Cases, labels: Labels, points: Mapping[str, float]) -> _Measure:
    """Returns how often a case that has a finding has no flag at all: the false-positive rate of "no finding"."""
    flags = np.zeros(len(cases.patients), np.bool_)
    diseased = np.zeros(len(cases.patients), np.bool_)
    for finding in labels.findings:
        index = labels.names.index(finding)
        flags |= cases.scores[:, index] >= points[finding]
        diseased |= (cases.labels[:, index] if cases.labels.ndim == 2 else cases.labels == index) == 1
    patients = np.unique(cases.patients, return_inverse=True)[1]
    return _of_rate(clustered_rate(~flags, diseased, patients))


def largest_gap(
    attribute: str, finding: str, metric: str, groups: Mapping[str, FindingCases], *, fewest: int = FEWEST_PATIENTS
) -> Gap | None:
    """Returns the gap of a measure between groups; None where fewer than two have enough patients for it.

    Args:
        attribute: what the groups are of.
        finding: what is looked for.
        metric: one of `FINDING_MEASURES`.
        groups: each group's cases.
        fewest: patients that a group's value takes.
    """
    return _gap(attribute, finding, metric, {n: FINDING_MEASURES[metric](c) for n, c in groups.items()}, fewest=fewest)


def _gap(
    attribute: str, finding: str, metric: str, measures: Mapping[str, _Measure], *, fewest: int = FEWEST_PATIENTS
) -> Gap | None:
    usable = {group: one for group, one in measures.items() if one.patients >= fewest and not np.isnan(one.value)}
    if len(usable) < 2:
        return None
    values = {group: one.value for group, one in usable.items()}
    simultaneous = 1 - (1 - CONFIDENCE) / len(usable)  # Bonferroni
    is_range = metric != "calibration_in_the_large"
    groups = {
        group: estimate(one.value, one.limits(simultaneous), lowest=0.0 if is_range else -1.0, patients=one.patients)
        for group, one in usable.items()
    }
    small = {group: _unsaid(one) for group, one in measures.items() if group not in usable}
    worst = {"auroc": min(values, key=values.__getitem__)}.get(metric, max(values, key=values.__getitem__))
    if metric == "calibration_in_the_large":
        worst = max(values, key=lambda group: abs(values[group]))
    return Gap(
        attribute=attribute,
        finding=finding,
        metric=metric,
        gap=_difference(list(usable.values()), highest=1.0 if is_range else 2.0),
        groups=groups | small,
        worst=worst,
        p_value=_p_value(list(usable.values())),
    )


def _unsaid(measure: _Measure) -> Estimate:
    return Estimate(None, patients=measure.patients, note=f"too few patients: {measure.patients}")


def _difference(measures: Sequence[_Measure], *, highest: float) -> Estimate:
    """Returns the largest difference of two groups with its one-sided 95 % upper bound.

    The bound is the largest of the pairs' bounds. It needs no correction: where the true largest difference is one
    pair's, that pair's bound alone holds it with the asked chance.
    """
    gap, upper = 0.0, 0.0
    for first in measures:
        for second in measures:
            if first is second:
                continue
            limits = first.limits(ONE_SIDED), second.limits(ONE_SIDED)
            gap = max(gap, first.value - second.value)
            if limits[0] is None or limits[1] is None:
                upper = highest
            else:
                upper = max(upper, difference_limits(first.value, limits[0], second.value, limits[1])[1])
    patients = min(measure.patients for measure in measures)
    return estimate(gap, (0.0, upper), highest=highest, patients=patients)


def _p_value(measures: Sequence[_Measure]) -> float | None:
    """Returns the chance of such differences where all groups are alike.

    Rates: Pearson's test on counts divided by their design effect (Rao and Scott, Biometrics 1992), exact for two
    groups; the rest: Wald's test on the groups' variances.
    """
    rates = [measure.of for measure in measures if isinstance(measure.of, ClusteredRate)]
    if len(rates) == len(measures):
        table = np.array([[rate.value * rate.trials, (1 - rate.value) * rate.trials] for rate in rates])
        if (table.sum(axis=0) < 1e-9).any():
            return 1.0
        if len(rates) == 2:
            return float(stats.fisher_exact(np.round(table).astype(int)).pvalue)
        return float(stats.chi2_contingency(table, correction=False).pvalue)
    scaled = [_with_variance(measure) for measure in measures]
    if any(one is None for one in scaled):
        return None
    values, variances = np.array([one for one in scaled if one is not None]).T
    if (variances <= 0).any():
        return None
    mean = np.average(values, weights=1 / variances)
    return float(stats.chi2.sf(np.sum((values - mean) ** 2 / variances), len(values) - 1))


def _with_variance(measure: _Measure) -> tuple[float, float] | None:
    """Returns value and variance, from the width of the limits, so that few patients count as few.

    On the value's own scale: on the logit's, an AUROC of 1 lies infinitely far from one that is a little less.
    """
    limits = measure.limits(CONFIDENCE)
    if limits is None:
        return None
    return measure.value, ((limits[1] - limits[0]) / (2 * float(stats.norm.ppf((1 + CONFIDENCE) / 2)))) ** 2


def _corrected(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Returns the gaps with Holm's correction over all of them."""
    tested = [index for index, gap in enumerate(gaps) if gap.p_value is not None]
    holm = holm_adjusted([gaps[index].p_value or 0.0 for index in tested])
    by_index = dict(zip(tested, holm, strict=True))
    return tuple(replace(gap, p_holm=by_index.get(index)) for index, gap in enumerate(gaps))


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """Returns p values corrected for how many there are (Holm, Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, np.float64)[order] * factors))
    found = np.empty(len(p_values))
    found[order] = adjusted
    return [float(value) for value in found]
