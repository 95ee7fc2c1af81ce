"""How well probabilities fit what happened: scores, calibration error, and the calibration line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evaluation.intervals import CONFIDENCE, Estimate, estimate
from evaluation.metrics import Floats, ratio

BINS = 10
_CLIP = 1e-6
"""Probabilities are kept this far from 0 and 1: float32 rounds a sure one to 1, whose logarithm is no number."""
_FEWEST_IN_BIN = 5
_STEPS, _STEEPEST = 60, 50.0


def log_losses(truth: NDArray[np.bool_], probabilities: Floats) -> Floats:
    """Returns the loss of each case, natural logarithm, (cases,)."""
    clipped = np.clip(probabilities, _CLIP, 1 - _CLIP)
    losses: Floats = -np.where(truth, np.log(clipped), np.log1p(-clipped))
    return losses


def equal_mass_bins(probabilities: Floats, *, bins: int = BINS) -> NDArray[np.int64]:
    """Returns each case's bin, (cases,), from 0: bins have about as many cases each, and equal values share one.

    There are fewer bins where a bin would have fewer than five cases.
    """
    count = max(1, min(bins, len(probabilities) // _FEWEST_IN_BIN))
    edges = np.unique(np.quantile(probabilities, np.arange(1, count) / count)) if count > 1 else np.zeros(0)
    return np.searchsorted(edges, probabilities, side="right").astype(np.int64)


def expected_calibration_error(
    truth: NDArray[np.bool_],
    probabilities: Floats,
    weights: Floats,
    *,
    patients_per_case: float = 1.0,
) -> Floats:
    """Returns the mean distance of predicted and observed share over equal-mass bins, less what chance makes of it.

    The distance of a bin whose observed share scatters by s is too large by E|N(d, s)| - |d| (Kumar, Liang and Ma,
    Verified uncertainty calibration, NeurIPS 2019); that is taken off, and the sum is never below 0. Since d scatters
    itself, nearly half of what chance makes of a perfect model's error goes, not all.

    Args:
        truth: bool (cases,).
        probabilities: float64 (cases,).
        weights: float64 (draws, cases).
        patients_per_case: how many independent trials a case is worth.
    """
    bins = equal_mass_bins(probabilities)
    member = (bins[:, np.newaxis] == np.arange(bins.max(initial=0) + 1)).astype(np.float64)
    mass, squares = weights @ member, (weights**2) @ member
    observed = ratio(weights @ (member * truth[:, np.newaxis]), mass)
    distance = np.abs(ratio(weights @ (member * probabilities[:, np.newaxis]), mass) - observed)
    trials = np.maximum(ratio(mass**2, squares) * patients_per_case, 2.0)
    # Half a case is added to each side, so that a bin without the finding still scatters.
    share = (observed * trials + 0.5) / (trials + 1)
    scatter = np.sqrt(share * (1 - share) / (trials - 1))
    folded = scatter * math.sqrt(2 / math.pi) * np.exp(-(distance**2) / (2 * scatter**2))
    folded += distance * special.erf(distance / (scatter * math.sqrt(2)))
    corrected = np.where(mass > 0, mass * (2 * distance - folded), 0.0)
    errors: Floats = np.maximum(0.0, ratio(corrected.sum(axis=1), mass.sum(axis=1)))
    return errors


@dataclass(frozen=True)
class CalibrationLine:
    """Observed log odds against predicted ones (Cox 1958; Van Calster et al., BMC Medicine 2019).

    Attributes:
        intercept: with the slope held at 1; 0 is right on average, above 0 too low predictions.
        slope: of the line; 1 is right, below 1 too extreme predictions.
    """

    intercept: Estimate
    slope: Estimate


def calibration_line(
    truth: NDArray[np.bool_],
    probabilities: Floats,
    patients: NDArray[np.int64],
    *,
    weights: Floats | None = None,
    confidence: float = CONFIDENCE,
) -> CalibrationLine:
    """Returns the calibration line with intervals over patients (sandwich variance, t limits).

    Args:
        truth: bool (cases,).
        probabilities: float64 (cases,).
        patients: int (cases,), 0..
        weights: float64 (cases,), or none.
        confidence: 0..1.
    """
    count = len(np.unique(patients))
    if count < 3 or truth.all() or not truth.any():
        missing = Estimate(None, patients=count, note="not defined")
        return CalibrationLine(missing, missing)
    weight = np.ones(len(truth)) if weights is None else weights
    logits = special.logit(np.clip(probabilities, _CLIP, 1 - _CLIP))
    ones = np.ones((len(truth), 1))
    level = _logistic(ones, logits, truth, weight, patients, confidence=confidence)
    line = _logistic(
        np.column_stack([logits, ones]), np.zeros(len(truth)), truth, weight, patients, confidence=confidence
    )
    return CalibrationLine(level, line)


def _logistic(
    design: Floats,
    offset: Floats,
    truth: NDArray[Any],
    weights: Floats,
    patients: NDArray[np.int64],
    *,
    confidence: float,
) -> Estimate:
    """Returns the first coefficient of a weighted logistic regression; none where the cases are perfectly separated."""
    count = len(np.unique(patients))
    if design.shape[1] > 1 and np.ptp(design[:, 0]) < 1e-9:
        return Estimate(None, patients=count, note="not defined: every probability is the same")
    coefficients = _likeliest(design, offset, truth, weights)
    if coefficients is None:
        return Estimate(None, patients=count, note="not defined: the cases are perfectly separated")
    expected = special.expit(design @ coefficients + offset)
    scores = design * (weights * (truth - expected))[:, np.newaxis]
    summed = np.stack([np.bincount(patients, column) for column in scores.T], axis=1)
    inverse = np.linalg.inv(design.T @ (design * (weights * expected * (1 - expected))[:, np.newaxis]))
    variance = (inverse @ (summed.T @ summed) @ inverse)[0, 0] * count / (count - 1)
    degrees = max(1, count - design.shape[1])
    reach = -float(special.stdtrit(degrees, (1 - confidence) / 2)) * math.sqrt(variance)
    value = float(coefficients[0])
    return estimate(value, (value - reach, value + reach), lowest=-math.inf, highest=None, patients=count)


def _likeliest(design: Floats, offset: Floats, truth: NDArray[Any], weights: Floats) -> Floats | None:
    """Returns the coefficients by Newton's method; None where they rise for ever."""
    coefficients: Floats = np.zeros(design.shape[1])
    coefficients[0] = float(design.shape[1] > 1)
    for _ in range(_STEPS):
        expected = special.expit(design @ coefficients + offset)
        information = design.T @ (design * (weights * expected * (1 - expected))[:, np.newaxis])
        try:
            step = np.linalg.solve(information, design.T @ (weights * (truth - expected)))
        except np.linalg.LinAlgError:
            return None
        # A damped step: far from the solution a whole one overshoots.
        coefficients = coefficients + step / max(1.0, np.abs(step).max() / 2)
        if not np.abs(coefficients).max() <= _STEEPEST:
            return None
        if np.abs(step).max() < 1e-9:
            return coefficients
    return None
