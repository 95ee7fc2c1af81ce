"""From the task's image, 0..1 in however many channels, to what a backbone's weights were trained on."""

from __future__ import annotations

import keras
import numpy as np

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STANDARD_DEVIATION = (0.229, 0.224, 0.225)
_IMAGENET_BGR_MEAN = (103.939, 116.779, 123.68)


def match_channels(image: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """Returns an image with as many channels as a backbone takes.

    One channel is repeated. CT windows of another number are mixed by a 1 x 1 convolution, which starts as
    `color_mix` and is trained with the backbone, so that pretrained weights see what they know: values in 0..1.

    Args:
        image: float32 (n, rows, columns, given channels), 0..1.
        channels: how many are wanted; 0 when any number will do.
    """
    given = image.shape[-1]
    if not channels or given == channels:
        return image
    if given == 1:
        return keras.layers.Concatenate(name="gray_to_color")([image] * channels)
    mix = keras.initializers.Constant(color_mix(given, channels)[None, None])
    return keras.layers.Conv2D(channels, 1, use_bias=False, kernel_initializer=mix, name="windows_to_color")(image)


def color_mix(windows: int, colors: int) -> np.ndarray:
    """Returns the share of each window in each color, float32 (windows, colors): columns sum to 1.

    The row of windows is cut into as many equal pieces as there are colors, so that all count alike and none is lost.

    Example:
        >>> color_mix(2, 3)
        array([[1. , 0.5, 0. ],
               [0. , 0.5, 1. ]], dtype=float32)
    """
    window = np.arange(windows)[:, None]
    piece = windows / colors
    start = np.arange(colors)[None, :] * piece
    overlap = np.minimum(window + 1, start + piece) - np.maximum(window, start)
    return (np.clip(overlap, 0.0, None) / piece).astype(np.float32)


def scale(image: keras.KerasTensor, scaling: str) -> keras.KerasTensor:
    """Scales an image in 0..1 as keras.applications' `preprocess_input` of the same mode would.

    Args:
        image: float32 (n, rows, columns, channels), 0..1.
        scaling: `unit`, `byte`, `tf`, `torch` or `caffe`, as in the table of backbones.
    """
    if scaling == "unit":
        return image
    if scaling == "tf":
        return keras.layers.Rescaling(2.0, offset=-1.0, name="scale_tf")(image)
    if scaling == "torch":
        variance = [deviation**2 for deviation in _IMAGENET_STANDARD_DEVIATION]
        return keras.layers.Normalization(axis=-1, mean=list(_IMAGENET_MEAN), variance=variance, name="scale_torch")(
            image
        )
    if scaling == "byte":
        return keras.layers.Rescaling(255.0, name="scale_byte")(image)
    return keras.layers.Normalization(axis=-1, mean=list(_IMAGENET_BGR_MEAN), variance=[1.0] * 3, name="scale_caffe")(
        keras.layers.Rescaling(255.0, name="to_255")(image[..., ::-1])
    )
