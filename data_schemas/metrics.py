"""Names of the metrics that are judged, and what can be said of each without its numbers."""

from __future__ import annotations

METRICS = (
    "auroc",
    "average_precision",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "mcc",
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
    "sensitivity_at_90_specificity",
    "brier",
    "log_loss",
    "calibration_intercept",
    "calibration_slope",
    "ece",
    "flag_rate",
    "prevalence",
)
"""Metrics of one finding, all of which gates may name.

`calibration_intercept` is calibration in the large, the intercept with the slope held at 1; `ece` the expected
calibration error over ten bins of equal mass, less what chance alone makes of it; `flag_rate` the share of cases at or
above the operating point.
"""

CLASS_METRICS = ("accuracy", "balanced_accuracy", "brier", "log_loss")
"""Metrics that a multi-class task has as a whole, by its highest score or over all of its scores."""

AT_PREVALENCE = ("ppv", "npv", "brier", "log_loss", "calibration_intercept", "calibration_slope", "ece")
"""Metrics that hold at the prevalence that a task declares for deployment, where it declares one."""

RANGES: dict[str, tuple[float, float | None]] = dict.fromkeys(METRICS, (0.0, 1.0)) | {
    "mcc": (-1.0, 1.0),
    "positive_likelihood_ratio": (0.0, None),
    "negative_likelihood_ratio": (0.0, None),
    "log_loss": (0.0, None),
    "calibration_intercept": (-20.0, 20.0),
    "calibration_slope": (-20.0, 20.0),
}
"""Lowest and highest value of each; None where there is no highest."""

LOWER_IS_BETTER = frozenset({"negative_likelihood_ratio", "brier", "log_loss", "ece"})
NEITHER_IS_BETTER = frozenset({"calibration_intercept", "calibration_slope", "flag_rate", "prevalence"})
"""Metrics with a target, or none, in between."""

NAMES = {
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
"""What people call each metric, and the measures of gaps between groups."""


def metric_name(metric: str) -> str:
    """Returns what people call a metric; `macro_` is an average over findings."""
    own = metric.removeprefix("macro_")
    name = NAMES.get(own, own.replace("_", " "))
    return name if own == metric else f"mean {name}"
