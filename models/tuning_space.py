"""The space that a task's `tuning` section spans, and how values from it change the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from data_schemas.errors import ConfigurationError
from data_schemas.task import Model, Task
from data_schemas.tuning_settings import Range
from models.backbones import BACKBONES, backbone_row

if TYPE_CHECKING:
    import keras_tuner

_OF_TRAINING = ("learning_rate", "backbone_learning_rate", "unfreeze", "batch_size", "loss")
_OF_MODEL = ("dropout", "hidden", "backbone")
HYPERPARAMETERS = (*_OF_TRAINING, *_OF_MODEL, "augmentation")
"""All names that a search, or a file of hyperparameters, may have."""
_NEUTRAL_STRENGTH = {"gamma": 1.0}
"""Strengths of the augmentation that change nothing at another value than 0."""
_TUNERS_OWN = "tuner/"
"""How names begin that Hyperband adds for itself."""


def declare_space(task: Task) -> keras_tuner.HyperParameters:
    """Returns the space of a task as KerasTuner wants it, all dimensions declared."""
    import keras_tuner

    space = keras_tuner.HyperParameters()
    for name, dimension in task.tuning.dimensions.items():
        if isinstance(dimension, Range):
            space.Float(name, dimension.min, dimension.max, sampling="log" if dimension.log else "linear")
        else:
            space.Choice(name, [_spelt(value) for value in dimension])
    return space


def own_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns hyperparameters without those that KerasTuner adds for itself."""
    return {name: value for name, value in values.items() if not name.startswith(_TUNERS_OWN)}


def apply_hyperparameters(task: Task, values: Mapping[str, Any], *, mend: str = "mend the task's `tuning`") -> Task:
    """Returns the task with values in place of its own.

    Args:
        task: the task.
        values: by name; `hidden` as text like `64x32`, empty for none; `augmentation` a factor on the task's strengths.
        mend: what a message tells the user to mend.

    Raises:
        ConfigurationError: a value is one that no task may have, e.g. a dropout of 1, or a name is unknown.
    """
    values = own_values(values)
    unknown = sorted(set(values) - set(HYPERPARAMETERS))
    if unknown:
        raise ConfigurationError(
            f"{', '.join(unknown)}: no hyperparameters; known: {', '.join(HYPERPARAMETERS)}; {mend}"
        )
    changed = task.model_dump()
    try:
        changed["training"] |= {name: values[name] for name in _OF_TRAINING if name in values}
        changed["model"] |= _model_changes(task.model, values)
        if "augmentation" in values:
            strengths = changed["training"]["augmentation"]
            changed["training"]["augmentation"] = _scaled(strengths, float(values["augmentation"]))
        return Task.model_validate(changed)
    except (ValidationError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the hyperparameters {values} make no task that can be trained: {_problems(error)}; {mend}"
        ) from error


def check_space(task: Task) -> None:
    """Looks at every end and choice of a task's space, so that no search ends in the middle.

    Raises:
        ConfigurationError: one of them makes a task that cannot be trained.
    """
    if len(task.tuning.backbone) > 1 and task.model.weights not in ("none", "imagenet"):
        raise ConfigurationError(
            f"tuning.backbone lists {', '.join(task.tuning.backbone)}, and model.weights is a file, which fits one of "
            "them: write `imagenet` or `none`, or leave tuning.backbone out"
        )
    for name, dimension in task.tuning.dimensions.items():
        ends: Sequence[Any] = (dimension.min, dimension.max) if isinstance(dimension, Range) else dimension
        for value in ends:
            changed = apply_hyperparameters(task, {name: _spelt(value)}, mend=f"mend tuning.{name} in the task")
            backbone_row(changed.model, size=changed.image.size)


def models_to_build(task: Task) -> tuple[Model, ...]:
    """Returns the model sections that a run of a task may build, one for each backbone."""
    if not (task.tuning.enabled and task.tuning.backbone):
        return (task.model,)
    return tuple(apply_hyperparameters(task, {"backbone": name}).model for name in task.tuning.backbone)


def _spelt(value: Any) -> Any:
    """Returns a choice as KerasTuner's, which are scalars: a layout of layers is spelt like 64x32."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else value


def _model_changes(model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: values[name] for name in _OF_MODEL if name in values}
    if "hidden" in changes:
        changes["hidden"] = [width for width in str(changes["hidden"]).split("x") if width]
    row = BACKBONES.get(changes.get("backbone", model.backbone))
    if row is not None and not row.alphas and "backbone" in changes:
        changes["alpha"] = None  # it is for those choices that have widths
    return changes


def _scaled(strengths: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Returns the strengths of an augmentation times a factor; a flip is no strength."""
    scaled = dict(strengths)
    for name, value in strengths.items():
        if not isinstance(value, bool):
            neutral = _NEUTRAL_STRENGTH.get(name, 0.0)
            scaled[name] = neutral + (value - neutral) * factor
    return scaled


def _problems(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return str(error)
