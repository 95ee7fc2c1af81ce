"""External validation: what a model is worth on other data than it was made from, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data_schemas.description import ModelDescription
from evaluation.evaluation import Evaluation
from evaluation.intervals import Estimate
from evaluation.shift import FeatureShift
from evaluation.summary import Summary

_SHOWN = ("auroc", "average_precision", "balanced_accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc")
"""Metrics in the printed table; the JSON has all."""


@dataclass(frozen=True)
class Shift:
    """How these images lie beside those that the model was trained on.

    Attributes:
        features: each one's; None where the model does not say what its training images were like.
        out_of_scope: share of the images that look unlike them to the model; None where it cannot say.
        images: how many.
    """

    features: Sequence[FeatureShift] | None = None
    out_of_scope: float | None = None
    images: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        features = None if self.features is None else [one.to_json() for one in self.features]
        return {"images": self.images, "out_of_scope": self.out_of_scope, "features": features}


@dataclass(frozen=True)
class ExternalValidation:
    """The outcome: of which version, the metrics, and what they hold for.

    Attributes:
        version: the version's folder name.
        description: what the model says of itself.
        evaluation: metrics with intervals, slices, curves, fairness.
        prevalence: of each finding in this data; None where no image's label is known.
        rejected: images by (status, reason).
        shift: against the training data.
    """

    version: str
    description: ModelDescription
    evaluation: Evaluation
    prevalence: dict[str, float | None]
    rejected: Counter[tuple[str, str]]
    shift: Shift = Shift()

    @property
    def summary(self) -> Summary:
        """Every metric over all cases."""
        return self.evaluation.overall

    def to_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints."""
        evaluation = self.evaluation.to_json()
        task = {name: estimate.to_json() for name, estimate in self.summary.task.items()}
        by_status: Counter[str] = Counter()
        for (status, _), count in self.rejected.items():
            by_status[status] += count
        return {
            "model": self.description.task.name,
            "version": self.version,
            "unit": self.description.task.unit,
            "examples": self.summary.examples,
            "patients": self.summary.patients,
            "rejected": self.rejected.total(),
            "rejected_by_status": dict(by_status),
            # Which of several findings a multi-label image "is" has no answer, so neither has its accuracy.
            "accuracy": task.get("accuracy", Estimate(None).to_json()),
            "task": task,
            "findings": {
                finding: {name: estimate.to_json() for name, estimate in metrics.items()}
                for finding, metrics in self.summary.findings.items()
            },
            "confusion": self.summary.to_json()["confusion"],
            "operating_points": {name: self.description.operating_points[name] for name in self.summary.findings},
            "prevalence": self.prevalence,
            "calibration_prevalence": {name: self.description.prevalence.get(name) for name in self.summary.findings},
            "deployment_prevalence": self.description.deployment_prevalence,
            "calibrated": self.description.calibrated,
            **{name: evaluation[name] for name in ("unit", "slices", "curves", "fairness")},
            "shift": self.shift.to_json(),
        }

    def to_text(self) -> str:
        """Returns the tables that people read."""
        parts = [self._heading(), self._findings()]
        if self.summary.confusion is not None:
            parts.append(self._confusion())
        if self.rejected:
            parts.append(f"Rejected\n{reasons_text(self.rejected)}")
        return "\n\n".join([*parts, self._prevalences(), self._shifts()])

    def _heading(self) -> str:
        task = self.description.task
        cases, images = ("images", "") if task.unit == "image" else ("studies", "images ")
        scored = f"{self.summary.examples} {cases} of {self.summary.patients} patients scored"
        lines = [
            f"{task.title} ({task.name}, version {self.version})",
            f"{scored}, {self.rejected.total()} {images}rejected. 95 % intervals by resampling patients.",
        ]
        names = [name for name in ("accuracy", "balanced_accuracy", "macro_auroc") if name in self.summary.task]
        return "\n".join([*lines, "", *(f"{name:<20}{_text(self.summary.task[name])}" for name in names)])

    def _findings(self) -> str:
        findings = self.summary.findings
        width = 2 + max(20, *(len(name) for name in findings))
        header = f"{'at its operating point':<24}" + "".join(f"{name:<{width}}" for name in findings)
        points = "".join(f"{self.description.operating_points[name]:<{width}.3f}" for name in findings)
        rows = [
            f"{metric:<24}" + "".join(f"{_text(metrics[metric]):<{width}}" for metrics in findings.values())
            for metric in _SHOWN
        ]
        return "\n".join(line.rstrip() for line in [header, f"{'operating_point':<24}{points}", *rows])

    def _confusion(self) -> str:
        names = self.description.task.labels.names
        width = 2 + max(6, *(len(name) for name in names))
        lines = [
            "Confusion (rows: labelled; columns: highest score)",
            " " * width + "".join(f"{n:>{width}}" for n in names),
        ]
        for name, row in zip(names, self.summary.confusion or (), strict=True):
            lines.append(f"{name:<{width}}" + "".join(f"{count:>{width}}" for count in row))
        return "\n".join(lines)

    def _shifts(self) -> str:
        """Says in which features these images are not like the training images."""
        parts = []
        if self.shift.features is None:
            parts.append("The model does not say what its training images were like.")
        else:
            shifted = [f"{one.feature} ({one.distance:.2f})" for one in self.shift.features if one.shifted]
            parts.append(
                f"How unlike the training images these are (0 alike, 1 apart): {', '.join(shifted)}."
                if shifted
                else "In brightness, contrast, sharpness, age, sex, manufacturer and view, as far as known, the images "
                "are like the training images."
            )
        if self.shift.out_of_scope is not None:
            parts.append(f"The model calls {_share(self.shift.out_of_scope)} of them out of its scope.")
        return "\n".join(parts)

    def _prevalences(self) -> str:
        """Says what PPV and NPV, and the scores themselves, hold for."""
        here = ", ".join(f"{name} {_share(share)}" for name, share in self.prevalence.items())
        then = ", ".join(f"{name} {_share(self.description.prevalence.get(name))}" for name in self.prevalence)
        calibrated = (
            f"The scores were calibrated where the prevalence was: {then}."
            if self.description.calibrated
            else f"The scores are not calibrated; the operating points were chosen where the prevalence was: {then}."
        )
        declared = self.description.deployment_prevalence
        if declared is None:
            return f"PPV and NPV hold for this data's prevalence: {here}.\n{calibrated}"
        wanted = ", ".join(f"{name} {_share(declared[name])}" for name in self.prevalence)
        said = f"PPV, NPV, calibration and Brier score hold for the prevalence that the task declares: {wanted}."
        return f"{said}\nIn this data it is: {here}.\n{calibrated}"


def reasons_text(rejected: Counter[tuple[str, str]]) -> str:
    """Returns a line for each reason for which images were rejected, the commonest first."""
    return "\n".join(f"  {count:>6}  {status}: {reason}" for (status, reason), count in rejected.most_common())


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not defined"
    if estimate.lower is None or estimate.upper is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.lower:.3f}-{estimate.upper:.3f})"


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}".replace("%", " %")
