"""Curves of one finding as points to draw: ROC, precision and recall, reliability, net benefit, predictive values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.finding_cases import FindingCases
from evaluation.metrics import Floats, ratio
from evaluation.probability_metrics import equal_mass_bins

_MOST_POINTS = 200
_THRESHOLDS = np.arange(1, 100) / 100
_PREVALENCES = np.array([0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])

Points = dict[str, list[float | None]]


@dataclass(frozen=True)
class Curves:
    """Points of a finding's curves, each by the name of its axis.

    Attributes:
        roc: `false_positive_rate`, `sensitivity`.
        precision_recall: `recall`, `precision`.
        reliability: `predicted`, `observed` with `lower` and `upper`, and `cases`, of bins of equal mass.
        decision: net benefit by `threshold` probability: of the `model`, of treating `everyone`; of no one it is 0
            (Vickers and Elkin, Medical Decision Making 2006).
        prevalence: `ppv` and `npv` at the operating point by `prevalence`.
    """

    roc: Points
    precision_recall: Points
    reliability: Points
    decision: Points
    prevalence: Points

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `Curves(**value)` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Curves:
        """Returns what `to_json` gave."""
        return cls(**value)


def curves(cases: FindingCases) -> Curves:
    """Returns the curves of a finding; points that are not defined are None."""
    weights = np.ones(len(cases.truth)) if cases.weights is None else cases.weights
    return Curves(
        roc=_roc(cases.truth, cases.scores),
        precision_recall=_precision_recall(cases.truth, cases.scores, weights),
        reliability=_reliability(cases, weights),
        decision=_decision(cases.truth, cases.probabilities, weights),
        prevalence=_predictive_values(cases),
    )


def _roc(truth: NDArray[np.bool_], scores: Floats) -> Points:
    present, absent = _flagged_from(truth, scores)
    kept = _thinned(len(present))
    return {
        "false_positive_rate": _points(ratio(absent, np.full(len(absent), absent[-1]))[kept]),
        "sensitivity": _points(ratio(present, np.full(len(present), present[-1]))[kept]),
    }


def _precision_recall(truth: NDArray[np.bool_], scores: Floats, weights: Floats) -> Points:
    present, absent = _flagged_from(truth, scores, weights)
    present, absent = present[1:], absent[1:]
    kept = _thinned(len(present))
    total = np.full(len(present), present[-1] if len(present) else 0.0)
    return {
        "recall": _points(ratio(present, total)[kept]),
        "precision": _points(ratio(present, present + absent)[kept]),
    }


def _flagged_from(truth: NDArray[np.bool_], scores: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Returns present and absent cases at or above each distinct score, falling; nobody is flagged first."""
    weight = np.ones(len(truth)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    found = [np.concatenate([[0.0], np.cumsum(weight[order] * side[order])[last]]) for side in (truth, ~truth)]
    return found[0], found[1]


def _thinned(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, max(0, count - 1), min(count, _MOST_POINTS)).round().astype(np.int64))


def _reliability(cases: FindingCases, weights: Floats) -> Points:
    bins = equal_mass_bins(cases.probabilities) if len(cases.truth) else np.zeros(0, np.int64)
    found: Points = {name: [] for name in ("predicted", "observed", "lower", "upper", "cases")}
    for index in range(bins.max(initial=-1) + 1):
        member = bins == index
        if not member.any():
            continue
        observed = cases.rate(cases.truth, member, weighted=True).estimate()
        found["predicted"].append(float(np.average(cases.probabilities[member], weights=weights[member])))
        found["observed"].append(observed.value)
        found["lower"].append(observed.lower)
        found["upper"].append(observed.upper)
        found["cases"].append(int(member.sum()))
    return found


def _decision(truth: NDArray[np.bool_], probabilities: Floats, weights: Floats) -> Points:
    total, share = weights.sum(), float(ratio(np.array([weights @ truth]), np.array([weights.sum()]))[0])
    flagged = (probabilities[np.newaxis] >= _THRESHOLDS[:, np.newaxis]).astype(np.float64)
    present, absent = flagged @ (weights * truth), flagged @ (weights * ~truth)
    odds = _THRESHOLDS / (1 - _THRESHOLDS)
    benefit = (present - absent * odds) / total if total else np.full(len(odds), np.nan)
    return {
        "threshold": _points(_THRESHOLDS),
        "model": _points(benefit),
        "everyone": _points(share - (1 - share) * odds),
    }


def _predictive_values(cases: FindingCases) -> Points:
    found = cases.rate(cases.flagged, cases.truth).value
    silent = cases.rate(~cases.flagged, ~cases.truth).value
    shares = _PREVALENCES
    flagged, quiet = shares * found, (1 - shares) * silent
    return {
        "prevalence": _points(shares),
        "ppv": _points(ratio(flagged, flagged + (1 - shares) * (1 - silent))),
        "npv": _points(ratio(quiet, quiet + shares * (1 - found))),
    }


def _points(values: Floats) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 6) for value in values]
