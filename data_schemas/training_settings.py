"""The parts of a task that say how its network is fitted: training, augmentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from data_schemas.strict import Positive, Share, Strict

_LARGEST_SEED = 2**32 - 1  # numpy's


class Augmentation(Strict):
    """Random changes to training images alone.

    Flip only where the anatomy allows it: a mirrored chest has its heart on the wrong side.

    Attributes:
        horizontal_flip, vertical_flip: mirror half of the images, left to right or top to bottom.
        rotation: largest angle, in degrees.
        translation: largest shift, as a share of each side.
        zoom: largest change of scale, as a share.
        brightness, contrast: largest change, as a share of the range.
        gamma: largest exponent g of image ** g; its inverse is the smallest. 1 changes nothing.
        noise: standard deviation of Gaussian noise, as a share of the range.
        cutout: side of one square that is blacked out, as a share of the image's shorter side (DeVries and Taylor
        2017).
        mixup: alpha of the Beta distribution that pairs of images and labels are mixed by (Zhang et al., ICLR 2018).
    """

    horizontal_flip: bool = False
    vertical_flip: bool = False
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    translation: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    zoom: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    brightness: Annotated[float, Field(ge=0, le=1)] = 0.0
    contrast: Annotated[float, Field(ge=0, le=1)] = 0.0
    gamma: Annotated[float, Field(ge=1, le=4)] = 1.0
    noise: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    cutout: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0


Optimizer = Literal["adam", "adamw", "rmsprop", "sgd"]
Monitor = Literal["auc", "average_precision", "loss"]
"""What a training may be stopped on, and a search look for: never plain accuracy, which a rare finding leaves high."""
Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]


class Training(Strict):
    """How the Trainer fits: first the head alone on a frozen backbone, then everything.

    Attributes:
        optimizer: `adamw` decouples weight decay from the gradient; `sgd` has Nesterov momentum 0.9.
        frozen_epochs, frozen_learning_rate: the first phase (skipped for random weights).
        epochs, learning_rate: the second phase; 0 epochs leave the backbone frozen.
        backbone_learning_rate: the backbone's own rate in the second phase; the head's unless given.
        unfreeze: share of the backbone's layers, counted from the top, that the second phase fits.
        warmup_share: share of the second phase's steps in which the rate rises to `learning_rate`, then a cosine falls.
        ema_momentum: an average of the weights over this many recent steps, 1 / (1 - momentum), is judged and exported;
            0 for the weights themselves.
        loss, focal_gamma: cross-entropy, or focal loss (Lin et al., ICCV 2017), which turns away from easy cases.
        class_weights: weigh each class by the inverse of its frequency, or of its effective number of examples (Cui et
            al., CVPR 2019, beta 0.999). Calibration undoes what this does to the probabilities.
        monitor: the eval metric that early stopping and the best checkpoint follow.
        patience: epochs without improvement before the phase ends.
        precision: `auto` takes what the hardware is fast at (`models.devices`).
    """

    batch_size: Annotated[int, Field(ge=1, le=4096)] = 32
    optimizer: Optimizer = "adamw"
    frozen_epochs: Annotated[int, Field(ge=0)] = 3
    frozen_learning_rate: Positive = 1e-3
    epochs: Annotated[int, Field(ge=0)] = 10
    learning_rate: Positive = 1e-4
    backbone_learning_rate: Positive | None = None
    unfreeze: Annotated[float, Field(gt=0, le=1)] = 1.0
    warmup_share: Share = 0.1
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    ema_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 2.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "inverse_frequency", "effective_number"] = "inverse_frequency"
    monitor: Monitor = "auc"
    patience: Annotated[int, Field(ge=1)] = 5
    precision: Precision = "auto"
    seed: Annotated[int, Field(ge=0, le=_LARGEST_SEED)] = 1
    augmentation: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _some_epochs(self) -> Training:
        if self.frozen_epochs + self.epochs == 0:
            raise ValueError("frozen_epochs and epochs are both 0: nothing would be trained")
        return self
