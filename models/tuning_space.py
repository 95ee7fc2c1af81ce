"""The space that a task's `tuning` section spans, and how values from it change the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from data_schemas.errors import ConfigurationError
from data_schemas.task import Task
from data_schemas.training_settings import Range


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
    """Returns the task with a trial's values in place of its own.

    Raises:
        ConfigurationError: a value is one that no task may have, e.g. a dropout of 1.
    """
    changed = task.model_dump()
    if "learning_rate" in values:
        changed["training"]["learning_rate"] = values["learning_rate"]
    if "dropout" in values:
        changed["model"]["dropout"] = values["dropout"]
    if "hidden" in values:
        changed["model"]["hidden"] = [width for width in str(values["hidden"]).split("x") if width]
    try:
        return Task.model_validate(changed)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(
            f"the hyperparameters {dict(values)} make no task that can be trained: {problems}; "
            "mend the task's `tuning` section, and search again"
        ) from error


def _float(hyperparameters: Any, name: str, bounds: Range) -> float:
    value: float = hyperparameters.Float(name, bounds.min, bounds.max, sampling="log" if bounds.log else "linear")
    return value
