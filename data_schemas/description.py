"""What a served model says of itself through its `describe` signature; all that a client may know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, computed_field

from data_schemas.errors import ConfigurationError
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE
from data_schemas.task import Task


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Calibration(_Said):
    """Calibrated logit = slope * logit + intercept, for each label in the task's order.

    Attributes:
        method: `temperature_and_intercepts` and `temperature` for labels that exclude each other, `platt` for findings;
            `none` where the calibration split is too small: the intercepts then only undo the loss's class weights.
        slopes, intercepts: by label.
        fitted: indices of the labels whose values were fitted.
        images, patients: of the calibration split; `images` counts studies where the task's unit is the study.
    """

    method: Literal["none", "temperature", "temperature_and_intercepts", "platt"] = "none"
    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]
    fitted: tuple[int, ...] = ()
    images: int = 0
    patients: int = 0

    @classmethod
    def identity(cls, labels: int) -> Calibration:
        """Returns the calibration of so many labels that changes nothing."""
        return cls(slopes=(1.0,) * labels, intercepts=(0.0,) * labels)


class ConformalSets(_Said):
    """Sets of labels that hold the true one with a stated chance.

    Attributes:
        coverage: the chance.
        thresholds: by label, the largest nonconformity (1 less the network's own probability) that is in the set; None
            for a label of which the split has too few patients: it is in every set. Of findings: of their presence.
        absent_thresholds: of findings, the same of their absence; empty for labels that exclude each other.
        patients, absent_patients: by label, how many the thresholds rest on.
    """

    coverage: float
    thresholds: tuple[float | None, ...]
    patients: tuple[int, ...]
    absent_thresholds: tuple[float | None, ...] = ()
    absent_patients: tuple[int, ...] = ()


class Scope(_Said):
    """What the model was made for, by the look of an image.

    Attributes:
        threshold: the score above which an image is out of scope; None where there were too few images to say.
        in_scope_share: share of calibration patients at or below it, as the task declares.
        patients: of the calibration split.
    """

    threshold: float | None
    in_scope_share: float
    patients: int


class ModelDescription(_Said):
    """The JSON that `describe` returns.

    Attributes:
        task: the task the model was trained for: labels in order, intensity policy, intended use.
        operating_points: by label, the probability at the calibration split's prevalence at or above which a finding is
            flagged, 0..1.
        prevalence: by label, its share in the calibration split, 0..1.
        deployment_prevalence: by label, the prevalence that `scores` hold at where the task declares one.
        calibration, conformal, scope: what was fitted on the calibration split.
        radflow_version: the version of Radflow that exported the model.
    """

    task: Task
    operating_points: dict[str, float]
    prevalence: dict[str, float]
    deployment_prevalence: dict[str, float] | None = None
    calibration: Calibration
    conformal: ConformalSets | None = None
    scope: Scope | None = None
    radflow_version: str

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know pydantic's decorator on a property
    @property
    def calibrated(self) -> bool:
        """Whether `scores` were fitted to the calibration split's labels, every one of them."""
        return len(self.calibration.fitted) == len(self.task.labels.names)

    @property
    def scores_prevalence(self) -> dict[str, float]:
        """The prevalence that `scores` hold at, by label."""
        return self.deployment_prevalence or self.prevalence


def read_description(version_dir: Path) -> ModelDescription:
    """Returns what a pushed version says of itself, without loading it.

    Args:
        version_dir: `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ConfigurationError: it says nothing.
    """
    path = version_dir / ASSETS / DESCRIPTION_FILE
    try:
        return ModelDescription.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"{path} does not describe a model of this version of Radflow ({type(error).__name__}): "
            "give a folder that `radflow run` pushed"
        ) from error
