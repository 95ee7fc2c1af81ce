"""The parts of a task that say how its network is fitted: training, augmentation, tuning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from data_schemas.strict import Positive, Share, Strict

_LARGEST_SEED = 2**32 - 1  # numpy's


class Augmentation(Strict):
    """Random changes to training images alone. Flip only where left and right are interchangeable.

    Attributes:
        horizontal_flip: mirror half of the images.
        rotation: largest angle, in degrees.
        translation: largest shift, as a share of each side.
        zoom: largest change of scale, as a share.
        brightness, contrast: largest change, as a share of the range.
        noise: standard deviation of Gaussian noise, as a share of the range.
    """

    horizontal_flip: bool = False
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    translation: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    brightness: Annotated[float, Field(ge=0, le=1)] = 0.0
    contrast: Annotated[float, Field(ge=0, le=1)] = 0.0
    noise: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Training(Strict):
    """How the Trainer fits: first the head alone on a frozen backbone, then everything.

    Attributes:
        frozen_epochs, frozen_learning_rate: the first phase (skipped for random weights).
        epochs, learning_rate: the second phase; 0 epochs leave the backbone frozen.
        warmup_share: share of the second phase's steps in which the rate rises to `learning_rate`, then a cosine falls.
        class_weights: weigh each class by the inverse of its frequency.
        monitor: the eval metric that early stopping and the best checkpoint follow.
        patience: epochs without improvement before the phase ends.
    """

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    frozen_epochs: Annotated[int, Field(ge=0)] = 3
    frozen_learning_rate: Positive = 1e-3
    epochs: Annotated[int, Field(ge=0)] = 10
    learning_rate: Positive = 1e-4
    warmup_share: Share = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    ema_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: bool = True
    monitor: Literal["auc", "loss"] = "auc"
    patience: Annotated[int, Field(ge=1)] = 5
    seed: Annotated[int, Field(ge=0, le=_LARGEST_SEED)] = 1
    augmentation: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _some_epochs(self) -> Training:
        if self.frozen_epochs + self.epochs == 0:
            raise ValueError("frozen_epochs and epochs are both 0: nothing would be trained")
        return self


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
    """KerasTuner's search; the Tuner runs when `enabled`. What is left out of the space keeps the task's value."""

    enabled: bool = False
    algorithm: Literal["random", "bayesian", "hyperband"] = "random"
    max_trials: Annotated[int, Field(ge=1)] = 8
    epochs: Annotated[int, Field(ge=1)] = 3
    learning_rate: Range | None = None
    dropout: Range | None = None
    hidden: tuple[tuple[Annotated[int, Field(gt=0)], ...], ...] = ()

    @field_validator("learning_rate")
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

    @model_validator(mode="after")
    def _something_is_tuned(self) -> Tuning:
        if self.enabled and self.learning_rate is None and self.dropout is None and not self.hidden:
            raise ValueError(
                "enabled, with nothing to search: give learning_rate, dropout or hidden, or write enabled: false"
            )
        return self
