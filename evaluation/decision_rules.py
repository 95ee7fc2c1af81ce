"""All that is fitted on the calibration split and frozen into a model: probabilities, operating points, label sets.

Where a task judges studies, all of this is fitted on studies. How unusual an image looks stays a matter of images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.description import Calibration, ConformalSets, Scope
from data_schemas.task import Task
from evaluation.calibration import calibrated_logits, fit_calibration, to_probabilities
from evaluation.conformal import fewest_patients, nonconformity, threshold
from evaluation.metrics import binary_labels
from evaluation.operating_points import operating_point
from evaluation.prevalence import prevalence_of
from evaluation.studies import to_studies

_FEWEST_FOR_SCOPE = 20


@dataclass(frozen=True)
class CalibrationCases:
    """What is known of the calibration split's images.

    Attributes:
        labels: int (n,) index of the label, or (n, labels) of 1, 0 and -1 (unknown).
        logits: float (n, labels), the network's.
        patients: (n,), whose they are.
        studies: (n,), keyed hashes of the study that each belongs to.
        ids: (n,), keyed hashes: an order that depends on nothing else.
        scope_scores: float (n,), how unusual each looks.
    """

    labels: NDArray[Any]
    logits: NDArray[Any]
    patients: NDArray[Any]
    studies: NDArray[Any]
    ids: NDArray[Any]
    scope_scores: NDArray[Any]


@dataclass(frozen=True)
class _Cases:
    """What decisions are fitted on, images or studies; as `CalibrationCases`."""

    labels: NDArray[Any]
    logits: NDArray[Any]
    patients: NDArray[Any]
    ids: NDArray[Any]


@dataclass(frozen=True)
class DecisionRules:
    """What was fitted; `data_schemas.description` says what each part means.

    Attributes:
        left_out: studies that nothing was fitted on, since their images have different findings.
    """

    calibration: Calibration
    prevalence: dict[str, float]
    operating_points: dict[str, float]
    conformal: ConformalSets
    scope: Scope
    left_out: int = 0


def fit_decision_rules(images: CalibrationCases, *, task: Task, class_weights: NDArray[Any]) -> DecisionRules:
    """Returns the rules that the calibration split gives a task's network.

    Args:
        images: any number.
        task: its `unit` says what is decided about, its `decisions` which operating points and which coverage.
        class_weights: what the loss weighed labels with.
    """
    names, kind = task.labels.names, task.labels.type
    cases, left_out = _units(images, task)
    calibration = fit_calibration(cases.labels, cases.logits, patients=cases.patients, class_weights=class_weights)
    scores = to_probabilities(calibrated_logits(cases.logits, calibration), kind).astype(np.float32)
    points = {
        name: operating_point(binary_labels(cases.labels, index), scores[:, index], task.decisions.point_of(name))
        for index, name in enumerate(names)
    }
    shares = prevalence_of(cases.labels, names)
    return DecisionRules(
        calibration=calibration,
        prevalence={name: 0.0 if math.isnan(share) else share for name, share in shares.items()},
        operating_points=points,
        conformal=_conformal_sets(cases, task),
        scope=_scope(images, task.decisions.in_scope_share),
        left_out=left_out,
    )


def _units(images: CalibrationCases, task: Task) -> tuple[_Cases, int]:
    """Returns the images, or the studies that they make, and how many studies are left out."""
    if task.unit == "image":
        return _Cases(images.labels, images.logits, images.patients, images.ids), 0
    found = to_studies(
        patients=images.patients,
        studies=images.studies,
        labels=images.labels,
        raw_scores=images.logits,
        groups={},
        task=task,
    )
    return _Cases(found.labels, found.raw_scores, found.patients, found.studies), len(found.left_out)


def _conformal_sets(cases: _Cases, task: Task) -> ConformalSets:
    alpha, fits = 1.0 - task.decisions.coverage, nonconformity(to_probabilities(cases.logits, task.labels.type))
    columns = range(len(task.labels.names))
    truths = [binary_labels(cases.labels, index) for index in columns]
    present = [_threshold(cases, truth == 1, fits[:, index], alpha) for index, truth in enumerate(truths)]
    # How badly absence fits is how well presence does.
    absent = [_threshold(cases, truth == 0, 1.0 - fits[:, index], alpha) for index, truth in enumerate(truths)]
    findings = task.labels.type == "multi_label"
    return ConformalSets(
        coverage=task.decisions.coverage,
        thresholds=tuple(limit for limit, _ in present),
        patients=tuple(count for _, count in present),
        absent_thresholds=tuple(limit for limit, _ in absent) if findings else (),
        absent_patients=tuple(count for _, count in absent) if findings else (),
    )


def _threshold(
    cases: _Cases, chosen: NDArray[np.bool_], scores: NDArray[Any], alpha: float
) -> tuple[float | None, int]:
    patients = cases.patients[chosen]
    count = len(np.unique(patients))
    if count < fewest_patients(alpha):
        return None, count
    limit = threshold(scores[chosen], patients, alpha=alpha, order=cases.ids[chosen])
    return limit if math.isfinite(limit) else None, count


def _scope(images: CalibrationCases, share: float) -> Scope:
    """Returns the score that a share of patients keep at or below, judged by the most unusual image of each."""
    patients = np.unique(images.patients)
    if len(patients) < _FEWEST_FOR_SCOPE:
        return Scope(threshold=None, in_scope_share=share, patients=len(patients))
    highest = np.sort([images.scope_scores[images.patients == one].max() for one in patients])
    rank = min(len(patients), math.ceil((len(patients) + 1) * share))
    reached = min(share, rank / (len(patients) + 1))
    return Scope(threshold=float(highest[rank - 1]), in_scope_share=reached, patients=len(patients))
