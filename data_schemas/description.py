"""What a served model says of itself through its `describe` signature; all that a client may know of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from data_schemas.task import Task


class ModelDescription(BaseModel):
    """The JSON that `describe` returns.

    Attributes:
        task: the task the model was trained for: labels in order, intensity policy, intended use.
        operating_points: by label, the score at or above which a finding is flagged, 0..1.
        prevalence: by label, its share in the split that calibrated the model (`eval` until calibration exists), 0..1.
        calibrated: whether `scores` are calibrated; until then they are the network's own softmax or sigmoid.
        radflow_version: the version of Radflow that exported the model.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task: Task
    operating_points: dict[str, float]
    prevalence: dict[str, float]
    calibrated: bool
    radflow_version: str
