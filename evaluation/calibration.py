"""From a network's logits to probabilities that hold at the calibration split's prevalence.

A calibration is one slope and one intercept for each label: calibrated logit = slope * logit + intercept. For labels
that exclude each other there is one slope, 1 / temperature (Guo et al., ICML 2017), and an intercept a class, which
undoes what class weights did to the prior (bias-corrected temperature scaling: Alexandari et al., ICML 2020).
Findings each have their own (Platt 1999). Slopes are positive: of two labels, and of findings, the order of images
stays.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import NDArray

from data_schemas.description import Calibration
from evaluation.metrics import UNKNOWN_LABEL, Floats

FEWEST_PATIENTS = 10
"""Patients with, and without, a label that an intercept of its own takes; a temperature takes so many in all."""
_STEEPEST = 20.0
"""Bounds of a slope, and its inverse: perfectly separated cases would have it rise for ever."""

LabelType = Literal["multi_class", "multi_label"]


def to_probabilities(logits: NDArray[Any], label_type: LabelType) -> Floats:
    """Returns probabilities (n, labels) of logits: their softmax (multi-class) or sigmoid (multi-label)."""
    probabilities: Floats = scipy.special.softmax(logits, 1) if label_type == "multi_class" else _sigmoid(logits)
    return probabilities


def calibrated_logits(logits: NDArray[Any], calibration: Calibration) -> Floats:
    """Returns logits (n, labels) whose softmax or sigmoid is calibrated."""
    calibrated: Floats = logits * np.asarray(calibration.slopes) + np.asarray(calibration.intercepts)
    return calibrated


def fit_calibration(
    labels: NDArray[Any], logits: NDArray[Any], *, patients: NDArray[Any], class_weights: NDArray[Any]
) -> Calibration:
    """Returns the calibration that gives the cases' labels the highest likelihood, each image counted once.

    Args:
        labels: int (n,) index of the label, or (n, labels) of 1, 0 and -1 (unknown).
        logits: float (n, labels).
        patients: (n,), whose image it is; decides how much may be fitted.
        class_weights: what the loss weighed labels with: (labels,), or (2, labels) for absent and present findings.
            Where the cases are too few for an intercept, this alone makes it.
    """
    if labels.ndim == 1:
        return _fit_classes(labels, logits, patients=patients, weights=class_weights)
    return _fit_findings(labels, logits, patients=patients, weights=class_weights)


def _fit_classes(
    labels: NDArray[Any], logits: NDArray[Any], *, patients: NDArray[Any], weights: NDArray[Any]
) -> Calibration:
    known = labels != UNKNOWN_LABEL
    labels, logits, patients = labels[known], logits[known].astype(np.float64), patients[known]
    classes = logits.shape[1]
    per_class = [len(np.unique(patients[labels == index])) for index in range(classes)]
    undone = -np.log(np.where(weights > 0, weights, 1.0)).astype(np.float64)
    images, whose = len(labels), len(np.unique(patients))
    if min(per_class) >= FEWEST_PATIENTS:
        slope, intercepts = _likeliest(logits, _platt_targets(labels, classes), np.zeros(classes), free=True)
        return _affine("temperature_and_intercepts", [slope] * classes, intercepts, images=images, patients=whose)
    if whose >= FEWEST_PATIENTS and sum(count > 0 for count in per_class) > 1:
        slope, intercepts = _likeliest(logits, _platt_targets(labels, classes), undone, free=False)
        return _affine("temperature", [slope] * classes, intercepts, images=images, patients=whose)
    return _affine("none", [1.0] * classes, undone, images=images, patients=whose)


def _fit_findings(
    labels: NDArray[Any], logits: NDArray[Any], *, patients: NDArray[Any], weights: NDArray[Any]
) -> Calibration:
    undone = np.log(weights[0].astype(np.float64)) - np.log(weights[1].astype(np.float64))
    slopes, intercepts = np.ones(logits.shape[1]), undone
    fitted = []
    for index in range(logits.shape[1]):
        known = labels[:, index] != UNKNOWN_LABEL
        truth, whose = labels[known, index].astype(np.int64), patients[known]
        if min(len(np.unique(whose[truth == value])) for value in (0, 1)) < FEWEST_PATIENTS:
            continue
        # Two classes, of which the absent finding's logit is 0.
        pair = np.stack([np.zeros(known.sum()), logits[known, index].astype(np.float64)], axis=1)
        slope, both = _likeliest(pair, _platt_targets(truth, 2), np.zeros(2), free=True)
        slopes[index], intercepts[index] = slope, both[1] - both[0]
        fitted.append(index)
    method = "platt" if fitted else "none"
    return _affine(method, slopes, intercepts, images=len(labels), patients=len(np.unique(patients)), fitted=fitted)


def _platt_targets(labels: NDArray[Any], classes: int) -> Floats:
    """Returns targets (n, classes) a little inside 0..1, as Platt's uniform prior gives them, for any number."""
    counts = np.bincount(labels, minlength=classes)
    rest = 1.0 / (counts[labels] + classes)
    targets = np.repeat(rest[:, None], classes, axis=1)
    targets[np.arange(len(labels)), labels] = (counts[labels] + 1) * rest
    return targets


def _likeliest(logits: Floats, targets: Floats, intercepts: Floats, *, free: bool) -> tuple[float, Floats]:
    """Returns slope and intercepts, whose mean is 0 where they are free, that the targets are likeliest with."""
    classes = logits.shape[1]

    def loss(values: Floats) -> tuple[float, Floats]:
        slope = np.exp(values[0])
        offset = values[1:] if free else intercepts
        log_probability = scipy.special.log_softmax(slope * logits + offset, axis=1)
        residual = (np.exp(log_probability) - targets) / len(logits)
        gradient = [np.sum(residual * logits) * slope]
        return -np.sum(targets * log_probability) / len(logits), np.concatenate([gradient, residual.sum(0) * free])

    start = np.zeros(1 + classes)
    bound = np.log(_STEEPEST)
    bounds = [(-bound, bound), *[(None, None)] * classes]
    found = scipy.optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-13, "gtol": 1e-9, "maxiter": 1000}
    )
    offset = found.x[1:] - found.x[1:].mean() if free else intercepts
    return float(np.exp(found.x[0])), offset


def _affine(
    method: Any,
    slopes: Any,
    intercepts: Any,
    *,
    images: int,
    patients: int,
    fitted: list[int] | None = None,
) -> Calibration:
    return Calibration(
        method=method,
        slopes=tuple(float(value) for value in slopes),
        intercepts=tuple(float(value) for value in intercepts),
        fitted=tuple(range(len(slopes)) if fitted is None and method != "none" else fitted or ()),
        images=images,
        patients=patients,
    )


def _sigmoid(logits: NDArray[Any]) -> Floats:
    probabilities: Floats = scipy.special.expit(logits)
    return probabilities
