"""The space that a task's `tuning` section spans, and how values from it change the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from data_schemas.task import Range, Task


def sample(hyperparameters: Any, task: Task) -> dict[str, Any]:
    """Returns the values of one trial, asking KerasTuner's `HyperParameters` for each dimension the task tunes."""
    tuning, values = task.tuning, {}
    for name, bounds in (("learning_rate", tuning.learning_rate), ("dropout", tuning.dropout)):
        if bounds is not None:
            values[name] = _float(hyperparameters, name, bounds)
    if tuning.hidden:
        # KerasTuner's choices are scalars; a layer layout is spelled like 64x32, and empty for none.
        values["hidden"] = hyperparameters.Choice("hidden", ["x".join(map(str, widths)) for widths in tuning.hidden])
    return values


def apply_hyperparameters(task: Task, values: Mapping[str, Any]) -> Task:
    """Returns the task with a trial's values in place of its own."""
    training: dict[str, Any] = {}
    model: dict[str, Any] = {}
    if "learning_rate" in values:
        training["learning_rate"] = float(values["learning_rate"])
    if "dropout" in values:
        model["dropout"] = float(values["dropout"])
    if "hidden" in values:
        model["hidden"] = tuple(int(width) for width in str(values["hidden"]).split("x") if width)
    return task.model_copy(
        update={
            "training": task.training.model_copy(update=training),
            "model": task.model.model_copy(update=model),
        }
    )


def _float(hyperparameters: Any, name: str, bounds: Range) -> float:
    value: float = hyperparameters.Float(name, bounds.min, bounds.max, sampling="log" if bounds.log else "linear")
    return value
