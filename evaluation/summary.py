"""Everything that is said of a model on a set of cases: each metric with its interval, by finding and for the task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.metrics import CLASS_METRICS, METRICS, RANGES
from data_schemas.task import Labels
from evaluation.finding_cases import FindingCases, drawn_limits, finding_estimates, finding_values
from evaluation.intervals import (
    DRAWS,
    Estimate,
    bootstrap,
    clopper_pearson,
    clustered_rate,
    estimate,
    mean_limits,
    percentile_interval,
)
from evaluation.metrics import UNKNOWN_LABEL, Floats, binary_labels, class_metrics, confusion_matrix

WHOLE_TASK = None
"""Stands in a key for the finding where a metric is the whole task's."""
FEWEST_PATIENTS = 10
"""A group's metric with fewer patients behind it is not said: it would mean nothing, and could point at somebody."""

Key = tuple[str | None, str]
"""(finding or `WHOLE_TASK`, metric)."""


@dataclass(frozen=True)
class Cases:
    """Cases with known identity, labels and scores: images, or studies where the task judges studies.

    Attributes:
        patients: (cases,), a pseudonym or any other name of the patient.
        labels: int (cases,) index of the label (multi-class), or (cases, labels) of 1, 0, -1 (multi-label); -1 unknown.
        scores: float (cases, labels), in the operating points' unit.
        probabilities: float (cases, labels), where they hold at another prevalence than the scores; else the scores.
        weights: float (cases, labels), what makes labels as common as the probabilities say; else all are 1.
        groups: by slice feature, (cases,) of str.
    """

    patients: NDArray[Any]
    labels: NDArray[Any]
    scores: NDArray[Any]
    probabilities: NDArray[Any] | None = None
    weights: NDArray[Any] | None = None
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def take(self, which: NDArray[Any]) -> Cases:
        """Returns some of the cases, by a mask or indices (cases,)."""
        return Cases(
            patients=self.patients[which],
            labels=self.labels[which],
            scores=self.scores[which],
            probabilities=None if self.probabilities is None else self.probabilities[which],
            weights=None if self.weights is None else self.weights[which],
            groups={name: values[which] for name, values in self.groups.items()},
        )

    def with_scores(self, scores: NDArray[Any], probabilities: NDArray[Any] | None = None) -> Cases:
        """Returns the same cases with another model's scores."""
        return replace(self, scores=scores, probabilities=probabilities)

    def of_finding(self, labels: Labels, finding: str, point: float) -> FindingCases:
        """Returns the cases on which a finding is known, flagged at an operating point."""
        index = labels.names.index(finding)
        truth = binary_labels(self.labels, index)
        known = truth != UNKNOWN_LABEL
        probabilities = self.scores if self.probabilities is None else self.probabilities
        return FindingCases(
            known=known,
            truth=truth[known] == 1,
            scores=self.scores[known, index].astype(np.float64),
            probabilities=probabilities[known, index].astype(np.float64),
            patients=np.unique(self.patients[known], return_inverse=True)[1],
            weights=None if self.weights is None else self.weights[known, index],
            point=point,
        )


@dataclass(frozen=True)
class Summary:
    """Metrics with intervals.

    Attributes:
        examples: number of cases.
        patients: number of patients.
        task: the whole task's: `macro_<metric>` over all findings, and `CLASS_METRICS` of a multi-class task.
        findings: by finding, every one of `METRICS`.
        positives, negatives: by finding, patients with a case that has it, and with one that has not.
        confusion: counts by true label and label with the highest score (multi-class), else None; weighted where a
            prevalence is declared.
    """

    examples: int
    patients: int
    task: dict[str, Estimate]
    findings: dict[str, dict[str, Estimate]]
    positives: dict[str, int] = field(default_factory=dict)
    negatives: dict[str, int] = field(default_factory=dict)
    confusion: tuple[tuple[float, ...], ...] | None = None

    def estimate(self, finding: str | None, metric: str) -> Estimate:
        """Returns a metric of a finding, or (None) of the whole task."""
        return (self.task if finding is None else self.findings[finding])[metric]

    def value(self, finding: str | None, metric: str) -> float | None:
        """Returns a metric's value, of a finding or (None) of the whole task; None where it is not defined."""
        return self.estimate(finding, metric).value

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `from_json` reads them back."""
        return {
            "examples": self.examples,
            "patients": self.patients,
            "task": {name: estimate.to_json() for name, estimate in self.task.items()},
            "findings": {
                finding: {name: estimate.to_json() for name, estimate in metrics.items()}
                for finding, metrics in self.findings.items()
            },
            "positives": self.positives,
            "negatives": self.negatives,
            "confusion": None if self.confusion is None else [list(row) for row in self.confusion],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Summary:
        """Returns the summary that `to_json` wrote."""
        return cls(
            examples=value["examples"],
            patients=value["patients"],
            task={name: Estimate(**estimate) for name, estimate in value["task"].items()},
            findings={
                finding: {name: Estimate(**estimate) for name, estimate in metrics.items()}
                for finding, metrics in value["findings"].items()
            },
            positives=dict(value["positives"]),
            negatives=dict(value["negatives"]),
            confusion=None if value["confusion"] is None else tuple(tuple(row) for row in value["confusion"]),
        )


def task_metric(labels: Labels, metric: str) -> str:
    """Returns the name, in `Summary.task`, of a metric that is asked of the whole task and not of one finding."""
    own = labels.type == "multi_class" and metric in ("accuracy", "balanced_accuracy")
    return metric if own else f"macro_{metric}"


def task_metrics(labels: Labels) -> tuple[str, ...]:
    """Returns the names in `Summary.task`."""
    own = CLASS_METRICS if labels.type == "multi_class" else ()
    return own + tuple(f"macro_{metric}" for metric in METRICS)


def values(
    cases: Cases, labels: Labels, points: Mapping[str, float], *, weights: Floats | None = None
) -> dict[Key, Floats]:
    """Returns every metric for every weighting of the cases, but for the calibration line, which is fitted.

    Args:
        cases: one or more cases.
        labels: the task's labels.
        points: operating point by finding.
        weights: float64 (draws, cases) of a bootstrap, or none for one draw that counts each case once.

    Returns:
        by finding (None is the whole task) and metric, float64 (draws,); nan where not defined. A macro average is not
        defined unless every finding's value is: leaving findings out would compare different things.
    """
    found: dict[Key, Floats] = {}
    for finding in labels.findings:
        of_finding = cases.of_finding(labels, finding, points[finding])
        found |= {(finding, name): value for name, value in finding_values(of_finding, weights).items()}
    if labels.type == "multi_class":
        found |= {(WHOLE_TASK, name): value for name, value in _class_values(cases, weights).items()}
    for name in METRICS:
        parts = [found[finding, name] for finding in labels.findings if (finding, name) in found]
        if parts:
            found[WHOLE_TASK, f"macro_{name}"] = np.mean(parts, axis=0)
    return found


def summarize(
    cases: Cases,
    labels: Labels,
    points: Mapping[str, float],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    fewest: int = 0,
) -> Summary:
    """Returns every metric with its 95 % interval over patients.

    Args:
        cases: one or more cases.
        labels: the task's labels.
        points: operating point by finding; those of other labels are ignored.
        draws: bootstrap draws; 0 for values without intervals.
        seed: of the draws.
        fewest: patients that a metric takes; with fewer it is not said.
    """
    point = {key: float(value[0]) for key, value in values(cases, labels, points).items()}
    drawn: dict[Key, Floats] = {}
    if draws:
        drawn = bootstrap(partial(_weighted_values, cases, labels, points), cases.patients, draws=draws, seed=seed)
    findings = {}
    for finding in labels.findings:
        of_finding = cases.of_finding(labels, finding, points[finding])
        own = {name: drawn[finding, name] for name in METRICS if (finding, name) in drawn}
        findings[finding] = finding_estimates(of_finding, own)
    task = _task_estimates(point, drawn, findings, cases=cases, labels=labels)
    if not draws:
        task = {name: replace(one, lower=None, upper=None) for name, one in task.items()}
        findings = {
            finding: {name: replace(one, lower=None, upper=None) for name, one in metrics.items()}
            for finding, metrics in findings.items()
        }
    truths = {finding: binary_labels(cases.labels, labels.names.index(finding)) for finding in labels.findings}
    return Summary(
        examples=len(cases.patients),
        patients=_distinct(cases.patients),
        task={name: _said(one, fewest) for name, one in task.items()},
        findings={
            finding: {name: _said(one, fewest) for name, one in metrics.items()}
            for finding, metrics in findings.items()
        },
        positives={finding: _distinct(cases.patients[truth == 1]) for finding, truth in truths.items()},
        negatives={finding: _distinct(cases.patients[truth == 0]) for finding, truth in truths.items()},
        confusion=_confusion(cases) if labels.type == "multi_class" else None,
    )


def _said(estimated: Estimate, fewest: int) -> Estimate:
    """Withholds what too few patients are behind."""
    if estimated.patients is None or estimated.patients >= fewest:
        return estimated
    return Estimate(None, patients=estimated.patients, note=f"too few patients: {estimated.patients}")


def _weighted_values(cases: Cases, labels: Labels, points: Mapping[str, float], weights: Floats) -> dict[Key, Floats]:
    return values(cases, labels, points, weights=weights)


def _class_values(cases: Cases, weights: Floats | None) -> dict[str, Floats]:
    probabilities = cases.scores if cases.probabilities is None else cases.probabilities
    return class_metrics(
        cases.labels, cases.scores, probabilities=probabilities, weights=weights, case_weights=_case_weights(cases)
    )


def _case_weights(cases: Cases) -> Floats | None:
    """Returns what the true label weighs, (cases,), of a multi-class task; none where no prevalence is declared."""
    if cases.weights is None:
        return None
    weights: Floats = cases.weights[np.arange(len(cases.labels)), np.maximum(cases.labels, 0)]
    return weights


def _confusion(cases: Cases) -> tuple[tuple[float, ...], ...]:
    matrix = confusion_matrix(cases.labels, cases.scores, weights=_case_weights(cases))
    return tuple(tuple(cell.item() for cell in row) for row in matrix)


def _task_estimates(
    point: Mapping[Key, float],
    drawn: Mapping[Key, Floats],
    findings: Mapping[str, Mapping[str, Estimate]],
    *,
    cases: Cases,
    labels: Labels,
) -> dict[str, Estimate]:
    estimates = _class_estimates(point, drawn, cases=cases) if labels.type == "multi_class" else {}
    for name in METRICS:
        parts = [findings[finding][name] for finding in labels.findings]
        estimates[f"macro_{name}"] = _macro(name, parts, drawn.get((WHOLE_TASK, f"macro_{name}")))
    return estimates


def _macro(name: str, parts: Sequence[Estimate], drawn: Floats | None) -> Estimate:
    """Returns the mean over findings; without draws its limits are the mean of theirs, which errs on the wide side."""
    if len(parts) == 1:
        return parts[0]
    patients = min((part.patients for part in parts if part.patients is not None), default=None)
    if any(part.value is None for part in parts):
        return Estimate(None, patients=patients, note="not defined for every finding")
    value = sum(part.value or 0.0 for part in parts) / len(parts)
    limits = None if drawn is None else drawn_limits(name, value, drawn, patients or 0)
    bounded = [part.limits for part in parts]
    if limits is None and None not in bounded:
        lower, upper = zip(*(limit for limit in bounded if limit is not None), strict=True)
        limits = sum(lower) / len(parts), sum(upper) / len(parts)
    lowest, highest = RANGES[name]
    return estimate(value, limits, lowest=lowest, highest=highest, patients=patients)


def _class_estimates(point: Mapping[Key, float], drawn: Mapping[Key, Floats], *, cases: Cases) -> dict[str, Estimate]:
    known = cases.labels != UNKNOWN_LABEL
    labels, patients = cases.labels[known], np.unique(cases.patients[known], return_inverse=True)[1]
    right = labels == cases.scores[known].argmax(axis=1)
    recalls = [clustered_rate(right, labels == label, patients) for label in range(cases.scores.shape[1])]
    count, rarest = _distinct(patients), min(recall.patients for recall in recalls)
    limits = [recall.limits() for recall in recalls]
    balanced = None
    if rarest:
        balanced = mean_limits([recall.value for recall in recalls], [limit for limit in limits if limit is not None])
    everyone = np.ones(len(labels), np.bool_)
    found = {
        "accuracy": clustered_rate(right, everyone, patients).estimate(),
        "balanced_accuracy": estimate(point[WHOLE_TASK, "balanced_accuracy"], balanced, patients=rarest),
    }
    for name in ("brier", "log_loss"):
        value = point[WHOLE_TASK, name]
        own = drawn.get((WHOLE_TASK, name))
        highest = 2.0 if name == "brier" else None
        interval = None if own is None else percentile_interval(own)
        if interval is None and name == "brier" and not math.isnan(value):
            lower, upper = clopper_pearson(value / 2 * count, count)
            interval = 2 * lower, 2 * upper
        found[name] = estimate(value, interval, highest=highest, patients=count)
    return found


def _distinct(patients: NDArray[Any]) -> int:
    return len(np.unique(patients))
