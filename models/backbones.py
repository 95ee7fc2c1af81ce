"""The backbones a task may name: one row each of a literal table. A new one is one row.

A backbone is everything from the image (float32, 0..1) to the last feature map, its own input scaling included, so that
whoever feeds it need not know how its weights were trained. docs/backbones.md shows the table.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_schemas.errors import ConfigurationError
from data_schemas.task import Model

_BUCKET = "https://storage.googleapis.com"


@dataclass(frozen=True)
class Backbone:
    """One row of the table.

    Attributes:
        build: dotted `module:function`; the function takes keyword arguments (`input_shape`, and for
            keras.applications `include_top`, `weights`, and `alpha` where the backbone has one).
        scaling: how its weights want the image: `unit` 0..1, `byte` 0..255 (it scales inside), `tf` -1..1, `torch`
            ImageNet mean and standard deviation, `caffe` BGR 0..255 less the ImageNet mean.
        feature_map: name of the layer whose output is the last feature map, at which the network is cut and Grad-CAM
            looks; empty for the last layer, where Keras numbers its name.
        weights_file: name of the ImageNet weights without top, with `{alpha}` where the width is in it; empty when
            there are none.
        weights_folder: the folder of Google's bucket that holds them.
        alphas: allowed width multipliers and how file names spell them; empty when the backbone has no such choice.
        channels: channels the network must see; 0 when any number will do.
        min_side: smallest number of rows and of columns, in pixels.
        jit_compile: XLA was measured to make a training step on a CPU faster by more than a tenth.
        cpu_precision: Keras' dtype policy that was measured to be fastest on a CPU, by more than a tenth.
        licence: licence and source of the weights; of the code, where there are no weights.
    """

    build: str
    scaling: str
    feature_map: str
    weights_file: str = ""
    weights_folder: str = ""
    alphas: tuple[tuple[float, str], ...] = ()
    channels: int = 3
    min_side: int = 32
    jit_compile: bool = False
    cpu_precision: str = "float32"
    licence: str = "Apache-2.0, Keras"

    def spell_alpha(self, alpha: float | None) -> str:
        """Returns how weights files spell a width multiplier (1.0 when none is given); empty if it is not allowed."""
        return dict(self.alphas).get(1.0 if alpha is None else alpha, "")

    def weights_url(self, alpha: float | None) -> str:
        """Returns where the ImageNet weights for a width multiplier are published."""
        return f"{_BUCKET}/{self.weights_folder}/{self.weights_file.format(alpha=self.spell_alpha(alpha))}"


_KERAS = "tensorflow/keras-applications"
_VGG = "CC BY 4.0, Visual Geometry Group, University of Oxford"
_RESNET = "MIT, Kaiming He"
_DENSENET = "BSD-3-Clause, Zhuang Liu"
_GOOGLE = "Apache-2.0, TensorFlow Models"

BACKBONES: dict[str, Backbone] = {
    "small_cnn": Backbone(
        build="models.small_cnn:build",
        scaling="unit",
        feature_map="",
        channels=0,
        min_side=16,
        licence="Apache-2.0, this project",
    ),
    "vgg16": Backbone(
        build="keras.applications:VGG16",
        scaling="caffe",
        feature_map="block5_conv3",
        weights_file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/vgg16",
        licence=_VGG,
    ),
    "vgg19": Backbone(
        build="keras.applications:VGG19",
        scaling="caffe",
        feature_map="block5_conv4",
        weights_file="vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/vgg19",
        licence=_VGG,
    ),
    "resnet50": Backbone(
        build="keras.applications:ResNet50",
        scaling="caffe",
        feature_map="conv5_block3_out",
        weights_file="resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/resnet",
        licence=_RESNET,
    ),
    "resnet101": Backbone(
        build="keras.applications:ResNet101",
        scaling="caffe",
        feature_map="conv5_block3_out",
        weights_file="resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/resnet",
        licence=_RESNET,
    ),
    "resnet50_v2": Backbone(
        build="keras.applications:ResNet50V2",
        scaling="tf",
        feature_map="post_relu",
        weights_file="resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/resnet",
        licence=_GOOGLE,
    ),
    "inception_v3": Backbone(
        build="keras.applications:InceptionV3",
        scaling="tf",
        feature_map="mixed10",
        weights_file="inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/inception_v3",
        min_side=75,
        licence=_GOOGLE,
    ),
    "inception_resnet_v2": Backbone(
        build="keras.applications:InceptionResNetV2",
        scaling="tf",
        feature_map="conv_7b_ac",
        weights_file="inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/inception_resnet_v2",
        min_side=75,
        licence=_GOOGLE,
    ),
    "xception": Backbone(
        build="keras.applications:Xception",
        scaling="tf",
        feature_map="block14_sepconv2_act",
        weights_file="xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/xception",
        min_side=71,
        licence="MIT, Keras",
    ),
    "densenet121": Backbone(
        build="keras.applications:DenseNet121",
        scaling="torch",
        feature_map="relu",
        weights_file="densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/densenet",
        cpu_precision="mixed_bfloat16",
        licence=_DENSENET,
    ),
    "densenet169": Backbone(
        build="keras.applications:DenseNet169",
        scaling="torch",
        feature_map="relu",
        weights_file="densenet169_weights_tf_dim_ordering_tf_kernels_notop.h5",
        weights_folder=f"{_KERAS}/densenet",
        licence=_DENSENET,
    ),
    "mobilenet": Backbone(
        build="keras.applications:MobileNet",
        scaling="tf",
        feature_map="conv_pw_13_relu",
        weights_file="mobilenet_{alpha}_224_tf_no_top.h5",
        weights_folder=f"{_KERAS}/mobilenet",
        alphas=((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0")),
        licence=_GOOGLE,
    ),
    "mobilenet_v2": Backbone(
        build="keras.applications:MobileNetV2",
        scaling="tf",
        feature_map="out_relu",
        weights_file="mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224_no_top.h5",
        weights_folder=f"{_KERAS}/mobilenet_v2",
        alphas=((0.35, "0.35"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1.0"), (1.3, "1.3"), (1.4, "1.4")),
        licence=_GOOGLE,
    ),
    "mobilenet_v3_small": Backbone(
        build="keras.applications:MobileNetV3Small",
        scaling="byte",
        feature_map="",
        weights_file="weights_mobilenet_v3_small_224_{alpha}_float_no_top_v2.h5",
        weights_folder=f"{_KERAS}/mobilenet_v3",
        alphas=((0.75, "0.75"), (1.0, "1.0")),
        licence=_GOOGLE,
    ),
    "mobilenet_v3_large": Backbone(
        build="keras.applications:MobileNetV3Large",
        scaling="byte",
        feature_map="",
        weights_file="weights_mobilenet_v3_large_224_{alpha}_float_no_top_v2.h5",
        weights_folder=f"{_KERAS}/mobilenet_v3",
        alphas=((0.75, "0.75"), (1.0, "1.0")),
        licence=_GOOGLE,
    ),
    "efficientnet_b0": Backbone(
        build="models.efficientnet:build_b0",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetb0_notop.h5",
        weights_folder="keras-applications",
        licence="Apache-2.0, TensorFlow TPU",
    ),
    "efficientnet_b1": Backbone(
        build="models.efficientnet:build_b1",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetb1_notop.h5",
        weights_folder="keras-applications",
        licence="Apache-2.0, TensorFlow TPU",
    ),
    "efficientnet_b2": Backbone(
        build="models.efficientnet:build_b2",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetb2_notop.h5",
        weights_folder="keras-applications",
        licence="Apache-2.0, TensorFlow TPU",
    ),
    "efficientnet_b3": Backbone(
        build="models.efficientnet:build_b3",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetb3_notop.h5",
        weights_folder="keras-applications",
        licence="Apache-2.0, TensorFlow TPU",
    ),
    "efficientnet_v2_b0": Backbone(
        build="keras.applications:EfficientNetV2B0",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetv2-b0_notop.h5",
        weights_folder=f"{_KERAS}/efficientnet_v2",
        licence="Apache-2.0, google/automl",
    ),
    "efficientnet_v2_b1": Backbone(
        build="keras.applications:EfficientNetV2B1",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetv2-b1_notop.h5",
        weights_folder=f"{_KERAS}/efficientnet_v2",
        licence="Apache-2.0, google/automl",
    ),
    "efficientnet_v2_b2": Backbone(
        build="keras.applications:EfficientNetV2B2",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetv2-b2_notop.h5",
        weights_folder=f"{_KERAS}/efficientnet_v2",
        licence="Apache-2.0, google/automl",
    ),
    "efficientnet_v2_b3": Backbone(
        build="keras.applications:EfficientNetV2B3",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetv2-b3_notop.h5",
        weights_folder=f"{_KERAS}/efficientnet_v2",
        licence="Apache-2.0, google/automl",
    ),
    "efficientnet_v2_s": Backbone(
        build="keras.applications:EfficientNetV2S",
        scaling="byte",
        feature_map="top_activation",
        weights_file="efficientnetv2-s_notop.h5",
        weights_folder=f"{_KERAS}/efficientnet_v2",
        licence="Apache-2.0, google/automl",
    ),
    "convnext_tiny": Backbone(
        build="keras.applications:ConvNeXtTiny",
        scaling="byte",
        feature_map="",
        weights_file="convnext_tiny_notop.h5",
        weights_folder=f"{_KERAS}/convnext",
        licence="MIT, Meta",
    ),
}


def backbone_row(model: Model, *, size: tuple[int, int]) -> Backbone:
    """Returns the row that a task's model names, once it is clear that it can be built.

    Args:
        model: the task's model section.
        size: (rows, columns) of the transformed image; it may have any number of channels.

    Raises:
        ConfigurationError: unknown backbone, width multiplier, weights or scaling that it does not have, or an image
            that is too small for it.
    """
    row = BACKBONES.get(model.backbone)
    if row is None:
        raise ConfigurationError(f"model.backbone {model.backbone!r} is unknown; choose one of {', '.join(BACKBONES)}")
    if model.alpha is not None and not row.spell_alpha(model.alpha):
        allowed = ", ".join(f"{alpha:g}" for alpha, _ in row.alphas) or "none: leave the line out"
        raise ConfigurationError(f"model.alpha {model.alpha:g} is not a width of {model.backbone}; allowed: {allowed}")
    if model.weights == "imagenet" and not row.weights_file:
        raise ConfigurationError(f"{model.backbone} has no ImageNet weights; write `weights: none` or name a file")
    if model.scaling is not None and row.scaling in ("unit", "byte"):
        raise ConfigurationError(
            f"model.scaling {model.scaling}: {model.backbone} scales its input by itself; remove the line"
        )
    if min(size) < row.min_side:
        raise ConfigurationError(
            f"image.size {size[0]} x {size[1]} is too small for {model.backbone}, which halves an image until nothing "
            f"would be left: give at least {row.min_side} rows and columns, or choose another backbone"
        )
    return row


def load_builder(row: Backbone) -> Callable[..., Any]:
    """Returns the function that builds a row's network, importing its module only now."""
    module, _, name = row.build.partition(":")
    builder: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return builder
