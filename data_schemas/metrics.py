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
