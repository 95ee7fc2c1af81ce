"""Everything that is said of a model on a set of cases: each metric with its interval, by finding and for the task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.task import METRICS, Labels
from evaluation.intervals import DRAWS, Estimate, bootstrap, clopper_pearson, other_estimate, rate_estimate
from evaluation.metrics import UNKNOWN_LABEL, Floats, binary_labels, class_metrics, confusion_matrix, finding_metrics

WHOLE_TASK = None
"""Stands in a key for the finding where a metric is the whole task's."""

Key = tuple[str | None, str]
"""(finding or `WHOLE_TASK`, metric)."""

_RATES = ("accuracy", "sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True)
class Cases:
    """Cases with known identity, labels and scores.

    Attributes:
        patients: (cases,), a pseudonym or any other name of the patient.
        labels: int (cases,) index of the label (multi-class), or (cases, labels) of 1, 0, -1 (multi-label); -1 unknown.
        scores: float (cases, labels).
    """

    patients: NDArray[Any]
    labels: NDArray[Any]
    scores: NDArray[Any]


@dataclass(frozen=True)
class Summary:
    """Metrics with intervals.

    Attributes:
        examples: number of cases.
        patients: number of patients.
        task: the whole task's: `macro_<metric>` over all findings, and `accuracy` and `balanced_accuracy` of a
            multi-class task's highest score.
        findings: by finding, every one of `data_schemas.task.METRICS`.
        confusion: counts by true label and label with the highest score (multi-class), else None.
    """

    examples: int
    patients: int
    task: dict[str, Estimate]
    findings: dict[str, dict[str, Estimate]]
    confusion: tuple[tuple[int, ...], ...] | None = None

    def value(self, finding: str | None, metric: str) -> float | None:
        """Returns a metric's value, of a finding or (None) of the whole task; None where it is not defined."""
        return (self.task if finding is None else self.findings[finding])[metric].value

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
            confusion=None if value["confusion"] is None else tuple(tuple(row) for row in value["confusion"]),
        )


def task_metric(labels: Labels, metric: str) -> str:
    """Returns the name, in `Summary.task`, of a metric that is asked of the whole task and not of one finding."""
    own = labels.type == "multi_class" and metric in ("accuracy", "balanced_accuracy")
    return metric if own else f"macro_{metric}"


def task_metrics(labels: Labels) -> tuple[str, ...]:
    """Returns the names in `Summary.task`."""
    own = ("accuracy", "balanced_accuracy") if labels.type == "multi_class" else ()
    return own + tuple(f"macro_{metric}" for metric in METRICS)


def values(
    cases: Cases, labels: Labels, points: Mapping[str, float], *, weights: Floats | None = None
) -> dict[Key, Floats]:
    """Returns every metric for every weighting of the cases.

    Args:
        cases: one or more cases.
        labels: the task's labels.
        points: operating point by finding.
        weights: float64 (draws, cases), or none for one draw that counts each case once.

    Returns:
        by finding (None is the whole task) and metric, float64 (draws,); nan where not defined. A macro average is not
        defined unless every finding's value is: leaving findings out would compare different things.
    """
    found: dict[Key, Floats] = {}
    for finding in labels.findings:
        index = labels.names.index(finding)
        truth, scores = binary_labels(cases.labels, index), cases.scores[:, index]
        metrics = finding_metrics(truth, scores, operating_point=points[finding], weights=weights)
        found |= {(finding, name): metrics[name] for name in METRICS}
    if labels.type == "multi_class":
        metrics = class_metrics(cases.labels, cases.scores, weights=weights)
        found |= {(WHOLE_TASK, name): value for name, value in metrics.items()}
    for name in METRICS:
        found[WHOLE_TASK, f"macro_{name}"] = np.mean([found[finding, name] for finding in labels.findings], axis=0)
    return found


def summarize(
    cases: Cases, labels: Labels, points: Mapping[str, float], *, draws: int = DRAWS, seed: int = 0
) -> Summary:
    """Returns every metric with its 95 % interval over patients.

    Args:
        cases: one or more cases.
        labels: the task's labels.
        points: operating point by finding; those of other labels are ignored.
        draws: bootstrap draws; 0 for values without intervals.
        seed: of the draws.
    """
    point = {key: float(value[0]) for key, value in values(cases, labels, points).items()}
    if draws:
        statistic = partial(_weighted_values, cases, labels, points)
        drawn = bootstrap(statistic, cases.patients, draws=draws, seed=seed)
        estimates = _estimates(point, drawn, cases=cases, labels=labels, points=points)
    else:
        estimates = {key: Estimate(None if np.isnan(value) else value) for key, value in point.items()}
    multi_class = labels.type == "multi_class"
    return Summary(
        examples=len(cases.patients),
        patients=len(np.unique(cases.patients)),
        task={name: estimates[WHOLE_TASK, name] for name in task_metrics(labels)},
        findings={finding: {name: estimates[finding, name] for name in METRICS} for finding in labels.findings},
        confusion=_rows(confusion_matrix(cases.labels, cases.scores)) if multi_class else None,
    )


def _weighted_values(cases: Cases, labels: Labels, points: Mapping[str, float], weights: Floats) -> dict[Key, Floats]:
    return values(cases, labels, points, weights=weights)


def _rows(matrix: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in matrix)


def _estimates(
    point: Mapping[Key, float],
    drawn: Mapping[Key, Floats],
    *,
    cases: Cases,
    labels: Labels,
    points: Mapping[str, float],
) -> dict[Key, Estimate]:
    estimates: dict[Key, Estimate] = {}
    for finding in labels.findings:
        index = labels.names.index(finding)
        truth = binary_labels(cases.labels, index)
        patients = _patients_behind(truth, cases.scores[:, index] >= points[finding], cases.patients)
        of_finding = {name: (point[finding, name], drawn[finding, name]) for name in METRICS}
        estimates |= {(finding, name): value for name, value in _finding_estimates(of_finding, patients).items()}
    if labels.type == "multi_class":
        estimates |= _class_estimates(point, drawn, cases=cases)
    for name in METRICS:
        parts = [estimates[finding, name] for finding in labels.findings]
        key = (WHOLE_TASK, f"macro_{name}")
        lowest = -1.0 if name == "mcc" else 0.0
        several = other_estimate(point[key], drawn[key], exact=_mean_limits(parts), lowest=lowest)
        estimates[key] = several if len(parts) > 1 else parts[0]
    return estimates


def _patients_behind(truth: NDArray[Any], flagged: NDArray[np.bool_], patients: NDArray[Any]) -> dict[str, int]:
    """Returns, by metric, how many patients have a case in its denominator: its effective number of trials."""
    known, present, absent = truth != UNKNOWN_LABEL, truth == 1, truth == 0
    present_count, absent_count = _distinct(patients[present]), _distinct(patients[absent])
    return {
        "accuracy": _distinct(patients[known]),
        "sensitivity": present_count,
        "specificity": absent_count,
        "ppv": _distinct(patients[known & flagged]),
        "npv": _distinct(patients[known & ~flagged]),
        # The variance of an AUROC of given value is at most that of a rate of min(positives, negatives) trials
        # (Birnbaum and Klose, Annals of Mathematical Statistics 1957).
        "auroc": min(present_count, absent_count),
        "average_precision": present_count,
        "f1": _distinct(patients[known & (present | flagged)]),
    }


def _finding_estimates(
    of_finding: Mapping[str, tuple[float, Floats]], patients: Mapping[str, int]
) -> dict[str, Estimate]:
    """Returns the ten estimates; the exact limits of what is no rate follow from those of the rates behind it."""
    made = {name: rate_estimate(*of_finding[name], patients=patients[name]) for name in _RATES}
    for name in ("auroc", "average_precision"):
        made[name] = other_estimate(*of_finding[name], exact=_exact(of_finding[name][0], patients[name]))
    made["balanced_accuracy"] = other_estimate(
        *of_finding["balanced_accuracy"], exact=_mean_limits([made["sensitivity"], made["specificity"]])
    )
    made["f1"] = other_estimate(*of_finding["f1"], exact=_exact_f1(of_finding["f1"][0], patients["f1"]))
    accuracy = made["accuracy"]
    # An MCC without width is 1 or -1: all right or all wrong. With classes of equal size MCC is 2 accuracy - 1.
    limits = _carried(accuracy, lambda rate: 2 * rate - 1)
    made["mcc"] = other_estimate(*of_finding["mcc"], exact=limits, lowest=-1.0)
    return {name: made[name] for name in METRICS}


def _class_estimates(point: Mapping[Key, float], drawn: Mapping[Key, Floats], *, cases: Cases) -> dict[Key, Estimate]:
    known = cases.labels != UNKNOWN_LABEL
    accuracy, balanced = (WHOLE_TASK, "accuracy"), (WHOLE_TASK, "balanced_accuracy")
    classes = np.unique(cases.labels[known])
    rarest = min((_distinct(cases.patients[cases.labels == label]) for label in classes), default=0)
    return {
        accuracy: rate_estimate(point[accuracy], drawn[accuracy], patients=_distinct(cases.patients[known])),
        balanced: other_estimate(point[balanced], drawn[balanced], exact=_exact(point[balanced], rarest)),
    }


def _exact(value: float, patients: int) -> tuple[float, float] | None:
    return None if np.isnan(value) or not patients else clopper_pearson(value * patients, patients)


def _exact_f1(value: float, patients: int) -> tuple[float, float] | None:
    """F1 is 2 J / (1 + J) of the rate J = TP / (TP + FP + FN), so its limits are those of J, carried over."""
    limits = None if np.isnan(value) else _exact(value / (2 - value), patients)
    return None if limits is None else _carried(Estimate(value, *limits), lambda rate: 2 * rate / (1 + rate))


def _carried(rate: Estimate, transform: Callable[[float], float]) -> tuple[float, float] | None:
    """Limits of a rising function of a rate."""
    if rate.lower is None or rate.upper is None:
        return None
    return transform(rate.lower), transform(rate.upper)


def _mean_limits(parts: Sequence[Estimate]) -> tuple[float, float] | None:
    """Limits of a mean, on the wide side: the mean of its parts' limits."""
    lower = [part.lower for part in parts if part.lower is not None]
    upper = [part.upper for part in parts if part.upper is not None]
    if len(lower) < len(parts) or len(upper) < len(parts):
        return None
    return sum(lower) / len(lower), sum(upper) / len(upper)


def _distinct(patients: NDArray[Any]) -> int:
    return len(np.unique(patients))
