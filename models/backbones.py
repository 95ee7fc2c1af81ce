"""The backbones a task may name: one row each of a literal table. A new one is one row.

A backbone is everything from the image (float32, 0..1) to the last feature map, its own input scaling included, so that
whoever feeds it need not know how its weights were trained.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_schemas.errors import ConfigurationError
from data_schemas.task import Model

_KERAS_APPLICATIONS = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class Backbone:
    """One row of the table.

    Attributes:
        build: dotted `module:function`; the function takes keyword arguments (`input_shape`, and for
            keras.applications `include_top`, `weights`, and `alpha` where the backbone has one).
        scaling: how its weights want the image: `unit` 0..1, `tf` -1..1, `torch` ImageNet mean and standard deviation,
            `caffe` BGR 0..255 less the ImageNet mean.
        weights_file: name of the ImageNet weights without top, with `{alpha}` where the width is in it; empty when
            there are none.
        weights_folder: the folder of keras.applications' bucket that holds them.
        alphas: allowed width multipliers and how file names spell them; empty when the backbone has no such choice.
        channels: channels the network must see; 0 when any number will do.
        jit_compile: XLA was measured to help on a CPU.
        licence: licence and source of code and weights.
    """

    build: str
    scaling: str
    weights_file: str = ""
    weights_folder: str = ""
    alphas: tuple[tuple[float, str], ...] = ()
    channels: int = 3
    jit_compile: bool = False
    licence: str = "Apache-2.0, keras.applications"

    def spell_alpha(self, alpha: float | None) -> str:
        """Returns how weights files spell a width multiplier (1.0 when none is given); empty if it is not allowed."""
        return dict(self.alphas).get(1.0 if alpha is None else alpha, "")

    def weights_url(self, alpha: float | None) -> str:
        """Returns where the ImageNet weights for a width multiplier are published."""
        return f"{_KERAS_APPLICATIONS}/{self.weights_folder}/{self.weights_file.format(alpha=self.spell_alpha(alpha))}"


BACKBONES: dict[str, Backbone] = {
    "small_cnn": Backbone(
        build="models.small_cnn:build", scaling="unit", channels=0, licence="Apache-2.0, this project; no weights"
    ),
    "mobilenet": Backbone(
        build="keras.applications:MobileNet",
        scaling="tf",
        weights_file="mobilenet_{alpha}_224_tf_no_top.h5",
        weights_folder="mobilenet",
        alphas=((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0")),
    ),
    "densenet121": Backbone(
        build="keras.applications:DenseNet121",
        scaling="torch",
        weights_file="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder="densenet",
    ),
    "resnet50": Backbone(
        build="keras.applications:ResNet50",
        scaling="caffe",
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder="resnet",
    ),
}


def backbone_row(model: Model, *, channels: int) -> Backbone:
    """Returns the row that a task's model names, once it is clear that it can be built.

    Args:
        model: the task's model section.
        channels: channels of the transformed image.

    Raises:
        ConfigurationError: unknown backbone, width multiplier or weights that it does not have, wrong channel count.
    """
    row = BACKBONES.get(model.backbone)
    if row is None:
        raise ConfigurationError(f"model.backbone {model.backbone!r} is unknown; choose one of {', '.join(BACKBONES)}")
    if model.alpha is not None and not row.spell_alpha(model.alpha):
        allowed = ", ".join(f"{alpha:g}" for alpha, _ in row.alphas) or "none: leave the line out"
        raise ConfigurationError(f"model.alpha {model.alpha:g} is not a width of {model.backbone}; allowed: {allowed}")
    if model.weights == "imagenet" and not row.weights_file:
        raise ConfigurationError(f"{model.backbone} has no ImageNet weights; write `weights: none` or name a file")
    if row.channels and channels not in (1, row.channels):
        raise ConfigurationError(
            f"{model.backbone} takes 1 or {row.channels} channels and intensity.windows gives {channels}: "
            f"list 1 or {row.channels} windows"
        )
    return row


def load_builder(row: Backbone) -> Callable[..., Any]:
    """Returns the function that builds a row's network, importing its module only now."""
    module, _, name = row.build.partition(":")
    builder: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return builder
