"""Gradient-based explanations as TensorFlow graphs, batched, one heatmap an image.

All take what the network sees, float32 (n, rows, columns, channels), and the index of the label to explain for each
image, int64 (n,). They return a heatmap float32 (n, rows, columns), 0..1, its highest value 1 unless nothing speaks for
the label, and the logits float32 (n, labels). What the maps mean, and what they do not, is in docs/explanations.md.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from models.feature_maps import feature_maps
from models.network import Network

INTEGRATION_STEPS = 16
_SMOOTHING = 1 / 64
"""Standard deviation of the Gaussian that gathers integrated gradients, as a share of the image's longer side."""

Explanation = tuple[tf.Tensor, tf.Tensor]
"""Heatmap and logits."""


def layer_cam(network: Network, images: tf.Tensor, label: tf.Tensor) -> Explanation:
    """Returns where feature maps of several sizes speak for a label (LayerCAM; Jiang et al., IEEE TIP 2021).

    Each activation is weighted by its own gradient where that is positive. Grad-CAM weights a whole filter by its mean
    gradient, which makes sense for the last map alone, and that one is too coarse for small lesions: 8 x 8 positions in
    the demo's network. Here the maps at `models.feature_maps.STRIDES` speak; each heatmap is scaled to 0..1, and the
    mean is taken.
    """
    with tf.GradientTape() as tape:
        tape.watch(images)
        *asked, last = feature_maps(network)(images, training=False)
        explained, logits = _explained(network.head(last, training=False), label)
    heatmaps = [
        _to_unit(_enlarged(tf.nn.relu(tf.reduce_sum(tf.nn.relu(gradient) * values, axis=-1)), images))
        for gradient, values in zip(tape.gradient(explained, asked), asked, strict=True)
    ]
    return _to_unit(tf.add_n(heatmaps)), logits


def grad_cam(network: Network, images: tf.Tensor, label: tf.Tensor) -> Explanation:
    """Returns where the last feature map speaks for a label (Grad-CAM; Selvaraju et al., ICCV 2017).

    It is what the other methods are compared with; no signature serves it.
    """
    feature_map = network.features(images, training=False)
    with tf.GradientTape() as tape:
        tape.watch(feature_map)
        explained, logits = _explained(network.head(feature_map, training=False), label)
    weights = tf.reduce_mean(tape.gradient(explained, feature_map), axis=(1, 2), keepdims=True)
    heatmap = tf.nn.relu(tf.reduce_sum(weights * feature_map, axis=-1))
    return _to_unit(_enlarged(heatmap, images)), logits


def integrated_gradients(network: Network, images: tf.Tensor, label: tf.Tensor) -> Explanation:
    """Returns where pixels raised a label's logit on the way from black (Sundararajan et al., ICML 2017).

    The attributions of channels and of neighbouring pixels are added up, sign and all, under a Gaussian; what is left
    above 0 speaks for the label. Pixel by pixel they are a scatter of both signs.
    """
    attribution = tf.reduce_sum(attributions(network, images, label), axis=-1, keepdims=True)
    gathered = tf.nn.relu(_smoothed(attribution)[..., 0])
    return _to_unit(gathered), _float(network.model(images, training=False))


def attributions(network: Network, images: tf.Tensor, label: tf.Tensor, *, steps: int = INTEGRATION_STEPS) -> tf.Tensor:
    """Returns how much each pixel and channel of an image raised a label's logit on the straight way from black.

    They add up to the logit less that of a black image (completeness), as exactly as a midpoint sum of so many steps
    integrates the gradient.

    Returns:
        float32 (n, rows, columns, channels).
    """

    def step(index: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scaled = images * (index + 0.5) / steps
        with tf.GradientTape() as tape:
            tape.watch(scaled)
            explained, _ = _explained(network.model(scaled, training=False), label)
        return index + 1.0, total + tape.gradient(explained, scaled)

    _, total = tf.while_loop(
        lambda index, _: index < steps, step, (tf.constant(0.0), tf.zeros_like(images)), parallel_iterations=1
    )
    return images * total / steps


def _explained(logits: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the logit to explain for each image, and all of them."""
    logits = _float(logits)
    return tf.gather(logits, label, axis=1, batch_dims=1), logits


def _enlarged(heatmap: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(_float(heatmap)[..., None], tf.shape(images)[1:3])[..., 0]


def _smoothed(image: tf.Tensor) -> tf.Tensor:
    """Returns maps (n, rows, columns, 1) under a Gaussian, along rows and then columns."""
    deviation = _SMOOTHING * max(image.shape[1:3])
    reach = math.ceil(3 * deviation)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel = tf.constant(weights / weights.sum(), tf.float32)
    down = tf.nn.conv2d(image, kernel[:, None, None, None], strides=1, padding="SAME")
    return tf.nn.conv2d(down, kernel[None, :, None, None], strides=1, padding="SAME")


def _to_unit(heatmap: tf.Tensor) -> tf.Tensor:
    highest = tf.reduce_max(heatmap, axis=(1, 2), keepdims=True)
    return tf.math.divide_no_nan(heatmap, highest)


def _float(tensor: tf.Tensor) -> tf.Tensor:
    return tf.cast(tensor, tf.float32)
