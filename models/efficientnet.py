"""EfficientNet B0 to B3 (Tan and Le, ICML 2019) as their ImageNet weights were trained.

Keras adds the scaling of its line "divide another sqrt(var)" (tensorflow/tensorflow#49930) for `weights="imagenet"`
alone, which downloads them. Built with `weights=None` and given the same file, its features are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras

_IMAGENET_STANDARD_DEVIATION = (0.229, 0.224, 0.225)
_FIRST_AFTER_SCALING = "stem_conv_pad"


def _build(application: Callable[..., Any], input_shape: tuple[int, int, int]) -> keras.Model:
    """Returns an untrained network with the scaling that its ImageNet weights expect.

    Args:
        application: Keras' function for one of the family.
        input_shape: (rows, columns, 3) of the image, float32 in 0..255.
    """
    network = application(input_shape=input_shape, include_top=False, weights=None)
    scaled: keras.Model = keras.models.clone_model(network, call_function=_called)
    return scaled


def _called(layer: keras.Layer, *arguments: Any, **keywords: Any) -> Any:
    """Calls a layer of the copy, the first one behind Keras' own scaling on what is scaled once more."""
    if layer.name == _FIRST_AFTER_SCALING:
        factors = [1.0 / math.sqrt(deviation) for deviation in _IMAGENET_STANDARD_DEVIATION]
        arguments = (keras.layers.Rescaling(factors, name="imagenet_scale")(arguments[0]), *arguments[1:])
    return layer(*arguments, **keywords)


build_b0 = partial(_build, keras.applications.EfficientNetB0)
build_b1 = partial(_build, keras.applications.EfficientNetB1)
build_b2 = partial(_build, keras.applications.EfficientNetB2)
build_b3 = partial(_build, keras.applications.EfficientNetB3)
