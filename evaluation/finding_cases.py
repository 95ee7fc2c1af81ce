"""One finding's cases, and every metric of it: values for many weightings at once, and each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_schemas.metrics import LOWER_IS_BETTER, METRICS, RANGES
from evaluation.clustered_auroc import clustered_auroc
from evaluation.intervals import (
    ClusteredRate,
    Estimate,
    Limits,
    clopper_pearson,
    clustered_rate,
    estimate,
    mean_limits,
    percentile_interval,
    ratio_limits,
    resampled_limits,
)
from evaluation.metrics import Floats, confusion_metrics, finding_metrics, ratio
from evaluation.probability_metrics import calibration_line, expected_calibration_error, log_losses

_REWEIGHTED = ("ppv", "npv")


@dataclass(frozen=True)
class FindingCases:
    """The cases on which a finding is known.

    Attributes:
        known: bool (all cases,), which of them these are.
        truth: bool (cases,), present or absent.
        scores: float64 (cases,), in the operating point's unit.
        probabilities: float64 (cases,), at the prevalence that the weights make; the scores where nothing is declared.
        patients: int (cases,), 0..
        weights: float64 (cases,), what makes the finding as common as declared; none where nothing is.
        point: a case is flagged where its score is at least this.
    """

    known: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    scores: Floats
    probabilities: Floats
    patients: NDArray[np.int64]
    weights: Floats | None
    point: float

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Which cases are flagged, bool (cases,)."""
        return self.scores >= self.point

    def rate(self, successes: NDArray[np.bool_], among: NDArray[np.bool_], *, weighted: bool = False) -> ClusteredRate:
        """Returns a rate among some of the cases; weighted, as it would be at the declared prevalence."""
        return clustered_rate(successes, among, self.patients, self.weights if weighted else None)


def finding_values(cases: FindingCases, weights: Floats | None = None) -> dict[str, Floats]:
    """Returns all of `METRICS` but the calibration line's.

    Args:
        cases: of the finding.
        weights: float64 (draws, all cases) of a bootstrap, or none for one draw that counts each case once.

    Returns:
        by metric, float64 (draws,); nan where not defined.
    """
    drawn = np.ones((1, cases.truth.size)) if weights is None else weights[:, cases.known]
    found = finding_metrics(cases.truth.astype(np.int64), cases.scores, operating_point=cases.point, weights=drawn)
    reweighted = drawn
    if cases.weights is not None:
        reweighted = drawn * cases.weights
        table = _table(cases.truth, cases.flagged, reweighted)
        found |= {name: table[name] for name in _REWEIGHTED}
    total = reweighted.sum(axis=1)
    squared = (cases.probabilities - cases.truth) ** 2
    found["brier"] = ratio(reweighted @ squared, total)
    found["log_loss"] = ratio(reweighted @ log_losses(cases.truth, cases.probabilities), total)
    found["ece"] = expected_calibration_error(
        cases.truth,
        cases.probabilities,
        reweighted,
        patients_per_case=_distinct(cases.patients) / max(1, cases.truth.size),
    )
    return found


def finding_estimates(cases: FindingCases, drawn: Mapping[str, Floats]) -> dict[str, Estimate]:
    """Returns all of `METRICS` with their intervals.

    Rates have Korn and Graubard's, what is made of two rates follows from theirs, AUROC has Obuchowski's, the
    calibration line a sandwich's, the rest percentiles of the draws.

    Args:
        cases: of the finding.
        drawn: bootstrap draws by metric; without them what needs draws has a fallback or no limits.
    """
    truth, flagged = cases.truth, cases.flagged
    everyone = np.ones(truth.size, np.bool_)
    sensitivity, specificity = cases.rate(flagged, truth), cases.rate(~flagged, ~truth)
    found = {
        "auroc": clustered_auroc(truth, cases.scores, cases.patients).estimate(),
        "accuracy": cases.rate(truth == flagged, everyone).estimate(),
        "sensitivity": sensitivity.estimate(),
        "specificity": specificity.estimate(),
        "ppv": cases.rate(truth, flagged, weighted=True).estimate(),
        "npv": cases.rate(~truth, ~flagged, weighted=True).estimate(),
        "flag_rate": cases.rate(flagged, everyone).estimate(),
        "prevalence": cases.rate(truth, everyone).estimate(),
        "f1": _f1(cases.rate(truth & flagged, truth | flagged), defined=bool(truth.any())),
    }
    found |= _from_both(sensitivity, specificity)
    line = calibration_line(truth, cases.probabilities, cases.patients, weights=cases.weights)
    found |= {"calibration_intercept": line.intercept, "calibration_slope": line.slope}
    values = {name: float(value[0]) for name, value in finding_values(cases).items()}
    fewer, count = min(sensitivity.patients, specificity.patients), _distinct(cases.patients)
    behind = {
        "average_precision": sensitivity.patients,
        "sensitivity_at_90_specificity": fewer,
        "mcc": fewer,
        "brier": count,
        "log_loss": count,
        "ece": count,
    }
    for name, patients in behind.items():
        found[name] = _resampled(name, values[name], drawn.get(name), patients)
    return {name: found[name] for name in METRICS}


def _resampled(name: str, value: float, drawn: Floats | None, patients: int) -> Estimate:
    """Returns a value with percentiles; where they have no width, as wide as a rate of so many patients."""
    lowest, highest = RANGES[name]
    limits = None if drawn is None else drawn_limits(name, value, drawn, patients)
    if limits is None and highest is not None and patients and not math.isnan(value):
        span = highest - lowest
        share = (value - lowest) / span
        below, above = clopper_pearson(share * patients, patients)
        limits = lowest + span * below, lowest + span * above
    return estimate(value, limits, lowest=lowest, highest=highest, patients=patients)


def drawn_limits(name: str, value: float, drawn: Floats, patients: int) -> Limits | None:
    """Returns a metric's limits by its draws: percentiles of what is an error or has no upper end, else by variance."""
    if RANGES[name] == (0.0, 1.0) and name not in LOWER_IS_BETTER:
        return resampled_limits(value, drawn, patients=patients)
    return percentile_interval(_centred(name, drawn, value))


def _centred(name: str, drawn: Floats, value: float) -> Floats:
    """Returns draws moved so that their middle is the value, where a metric's draws lie to one side of it.

    A draw of patients scatters around what the cases say as they do around the truth, and a calibration error counts
    scatter in every direction as error.
    """
    if name != "ece" or np.isnan(drawn).all():
        return drawn
    moved: Floats = drawn - np.nanmedian(drawn) + value
    return moved


def _f1(overlap: ClusteredRate, *, defined: bool) -> Estimate:
    """F1 is 2 J / (1 + J) of the rate J = TP / (TP + FP + FN), so its limits are those of J, carried over."""
    if not defined:
        return Estimate(None, patients=overlap.patients, note="not defined")
    limits = overlap.limits()
    carried = None if limits is None else (2 * limits[0] / (1 + limits[0]), 2 * limits[1] / (1 + limits[1]))
    return estimate(2 * overlap.value / (1 + overlap.value), carried, patients=overlap.patients)


def _from_both(sensitivity: ClusteredRate, specificity: ClusteredRate) -> dict[str, Estimate]:
    """Returns balanced accuracy and the likelihood ratios."""
    patients = min(sensitivity.patients, specificity.patients)
    names = ("balanced_accuracy", "positive_likelihood_ratio", "negative_likelihood_ratio")
    found, silent = sensitivity.limits(), specificity.limits()
    if found is None or silent is None:
        return dict.fromkeys(names, Estimate(None, patients=patients, note="not defined"))
    sens, spec = sensitivity.value, specificity.value
    false_alarms: Limits = (1 - silent[1], 1 - silent[0])
    missed: Limits = (1 - found[1], 1 - found[0])
    return {
        names[0]: estimate((sens + spec) / 2, mean_limits([sens, spec], [found, silent]), patients=patients),
        names[1]: _likelihood_ratio(sens, found, 1 - spec, false_alarms, patients=patients, none="no false positive"),
        names[2]: _likelihood_ratio(1 - sens, missed, spec, silent, patients=patients, none="no true negative"),
    }


def _likelihood_ratio(
    first: float, first_limits: Limits, second: float, second_limits: Limits, *, patients: int, none: str
) -> Estimate:
    if second <= 0:
        return Estimate(None, patients=patients, note=f"not defined: {none}")
    limits = ratio_limits(first, first_limits, second, second_limits)
    return estimate(first / second, limits, highest=None, patients=patients)


def _table(truth: NDArray[np.bool_], flagged: NDArray[np.bool_], weights: Floats) -> dict[str, Floats]:
    return confusion_metrics(
        true_positives=weights @ (truth & flagged),
        false_positives=weights @ (~truth & flagged),
        false_negatives=weights @ (truth & ~flagged),
        true_negatives=weights @ (~truth & ~flagged),
    )


def _distinct(patients: NDArray[np.int64]) -> int:
    return len(np.unique(patients))
