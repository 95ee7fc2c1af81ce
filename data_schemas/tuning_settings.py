"""The part of a task that says how its hyperparameters are searched: the space, the algorithm, the budget."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from data_schemas.strict import Positive, Strict, Text
from data_schemas.training_settings import Monitor


class Range(Strict):
    """Bounds of one tuned number."""

    min: float
    max: float
    log: bool = False

    @model_validator(mode="after")
    def _rises(self) -> Range:
        if self.min >= self.max or (self.log and self.min <= 0):
            raise ValueError("a range needs min below max, and min above 0 where log is true")
        return self


class Tuning(Strict):
    """KerasTuner's search; the Tuner runs when `enabled`. What is left out of the space keeps the task's value.

    Attributes:
        enabled: whether a run searches.
        algorithm: how the next trial is chosen. `hyperband` gives many trials few epochs and the best of them more.
        objective: what is looked for: a high macro AUC or average precision over findings, or a low loss.
        max_trials: no more trials than these.
        max_minutes: no trial begins when the search has taken as long; one that runs is finished.
        epochs: epochs of a trial (of the longest ones of `hyperband`), after the frozen ones.
        parallel_trials: processes that run trials at the same time.
        learning_rate, backbone_learning_rate, unfreeze, dropout: ranges of the keys of that name.
        augmentation: range of a factor on the strengths of `training.augmentation`; 1 is as declared, flips stay.
        batch_size, hidden, backbone, loss: values of the keys of that name to choose from.
    """

    enabled: bool = False
    algorithm: Literal["random", "bayesian", "hyperband"] = "random"
    objective: Monitor = "auc"
    max_trials: Annotated[int, Field(ge=1)] = 8
    max_minutes: Positive | None = None
    epochs: Annotated[int, Field(ge=1)] = 3
    parallel_trials: Annotated[int, Field(ge=1, le=64)] = 1
    learning_rate: Range | None = None
    backbone_learning_rate: Range | None = None
    unfreeze: Range | None = None
    dropout: Range | None = None
    augmentation: Range | None = None
    batch_size: tuple[Annotated[int, Field(ge=1)], ...] = ()
    hidden: tuple[tuple[Annotated[int, Field(gt=0)], ...], ...] = ()
    backbone: tuple[Text, ...] = ()
    loss: tuple[Text, ...] = ()

    @field_validator("learning_rate", "backbone_learning_rate")
    @classmethod
    def _rates_are_positive(cls, bounds: Range | None) -> Range | None:
        if bounds is not None and bounds.min <= 0:
            raise ValueError(f"min is {bounds.min:g}; a learning rate lies above 0, e.g. {{min: 1.0e-5, max: 1.0e-2}}")
        return bounds

    @field_validator("dropout")
    @classmethod
    def _dropout_is_a_share(cls, bounds: Range | None) -> Range | None:
        if bounds is not None and not 0 <= bounds.min < bounds.max < 1:
            raise ValueError(
                f"{bounds.min:g}..{bounds.max:g}; dropout lies at or above 0 and below 1, e.g. {{min: 0, max: 0.5}}"
            )
        return bounds

    @field_validator("unfreeze")
    @classmethod
    def _unfreeze_is_a_share(cls, bounds: Range | None) -> Range | None:
        if bounds is not None and not 0 < bounds.min < bounds.max <= 1:
            raise ValueError(
                f"{bounds.min:g}..{bounds.max:g}; unfreeze lies above 0 and at or below 1, e.g. {{min: 0.2, max: 1}}"
            )
        return bounds

    @field_validator("augmentation")
    @classmethod
    def _factor_is_not_negative(cls, bounds: Range | None) -> Range | None:
        if bounds is not None and bounds.min < 0:
            raise ValueError(f"min is {bounds.min:g}; a factor on strengths is 0 or above, e.g. {{min: 0, max: 2}}")
        return bounds

    @field_validator("batch_size", "hidden", "backbone", "loss")
    @classmethod
    def _choices_differ(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        repeated = [str(each) for each in dict.fromkeys(choices) if choices.count(each) > 1]
        if repeated:
            raise ValueError(f"{', '.join(repeated)} stands more than once; list each choice once")
        return choices

    @model_validator(mode="after")
    def _something_is_tuned(self) -> Tuning:
        if self.enabled and not self.dimensions:
            raise ValueError(
                f"enabled, with nothing to search: give one or more of {', '.join(_DIMENSIONS)}, or write "
                "enabled: false"
            )
        if self.objective == "loss" and len(self.loss) > 1:
            raise ValueError(
                "objective: loss with several losses to choose from: their values do not compare; use objective: auc"
            )
        return self

    @property
    def dimensions(self) -> dict[str, Range | tuple[Any, ...]]:
        """What is searched: a range or choices, by name."""
        return {name: getattr(self, name) for name in _DIMENSIONS if getattr(self, name)}


_DIMENSIONS = (
    "learning_rate",
    "backbone_learning_rate",
    "unfreeze",
    "dropout",
    "augmentation",
    "batch_size",
    "hidden",
    "backbone",
    "loss",
)
