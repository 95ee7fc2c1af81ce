"""Estimates as text: a value with its interval, and why there is none where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.intervals import Estimate

NOT_DEFINED = "not defined"

METRIC_NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "mcc": "MCC",
    "positive_likelihood_ratio": "positive likelihood ratio",
    "negative_likelihood_ratio": "negative likelihood ratio",
    "sensitivity_at_90_specificity": "sensitivity at 90 % specificity",
    "brier": "Brier score",
    "log_loss": "log loss",
    "calibration_intercept": "calibration intercept",
    "calibration_slope": "calibration slope",
    "ece": "expected calibration error",
    "flag_rate": "share flagged",
    "prevalence": "prevalence",
    "false_negative_rate": "false-negative rate",
    "false_positive_rate": "false-positive rate",
    "calibration_in_the_large": "calibration in the large",
    "underdiagnosis_rate": "underdiagnosis rate",
}


def metric_name(metric: str) -> str:
    """Returns what people call a metric; `macro_` is an average over findings."""
    own = metric.removeprefix("macro_")
    name = METRIC_NAMES.get(own, own.replace("_", " "))
    return name if own == metric else f"mean {name}"


def number(value: float | None) -> str:
    """Returns a value to three decimals."""
    return NOT_DEFINED if value is None else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """Returns `0.900 to 0.960`, or a dash where nothing bounds the value."""
    if estimate.value is None or (estimate.lower is None and estimate.upper is None):
        return "-"
    lower = "below" if estimate.lower is None else f"{estimate.lower:.3f}"
    upper = "above" if estimate.upper is None else f"{estimate.upper:.3f}"
    return f"{lower} to {upper}"


def with_interval(estimate: Estimate) -> str:
    """Returns `0.930 (0.900 to 0.960)`, or why there is no value."""
    if estimate.value is None:
        return estimate.note or NOT_DEFINED
    limits = interval(estimate)
    return number(estimate.value) if limits == "-" else f"{number(estimate.value)} ({limits})"


def patients_text(estimate: Estimate) -> str:
    """Returns how many patients are behind an estimate."""
    return "-" if estimate.patients is None else str(estimate.patients)


def out_of_a_hundred(estimate: Estimate) -> str:
    """Returns a rate for people: `93 of 100 (interval 88 to 97)`."""
    if estimate.value is None:
        return estimate.note or NOT_DEFINED
    said = f"{100 * estimate.value:.0f} of 100"
    if estimate.lower is None or estimate.upper is None:
        return said
    return f"{said} ({100 * estimate.lower:.0f} to {100 * estimate.upper:.0f})"


def count(number_of: int, noun: str) -> str:
    """Returns `1 patient`, `2 patients`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{number_of:,} {noun if number_of == 1 else plural}".replace(",", "\N{NO-BREAK SPACE}")


def listed(names: Sequence[str]) -> str:
    """Returns `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def slice_name(key: Sequence[tuple[str, str]]) -> str:
    """Returns `sex F, age group 40-64`; the whole split is `all`."""
    return ", ".join(f"{feature.replace('_', ' ')} {value}" for feature, value in key) or "all"
