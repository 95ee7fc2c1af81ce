"""Gradient-based explanations as TensorFlow graphs, batched, one heatmap an image."""

from __future__ import annotations

import tensorflow as tf

from models.network import Network

_INTEGRATION_STEPS = 16


def grad_cam(network: Network, images: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns where the last feature map speaks for a label (Selvaraju et al., ICCV 2017), and the logits.

    Args:
        network: the network.
        images: float32 (n, rows, columns, channels), what the network sees.
        label: int64 (n,), the index of the label to explain.

    Returns:
        Heatmap float32 (n, rows, columns), 0..1, its highest value 1 unless nothing speaks for the label; logits
        float32 (n, labels).
    """
    feature_map = network.features(images, training=False)
    with tf.GradientTape() as tape:
        tape.watch(feature_map)
        logits = network.head(feature_map, training=False)
        explained = tf.gather(logits, label, axis=1, batch_dims=1)
    gradient = tape.gradient(explained, feature_map)
    weights = tf.reduce_mean(gradient, axis=(1, 2), keepdims=True)
    heatmap = tf.nn.relu(tf.reduce_sum(weights * feature_map, axis=-1, keepdims=True))
    resized = tf.image.resize(heatmap, tf.shape(images)[1:3])
    return _to_unit(resized[..., 0]), logits


def integrated_gradients(network: Network, images: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which pixels moved a label's logit on the way from black (Sundararajan et al., ICML 2017), and logits.

    Args and Returns: as for `grad_cam`. The path integral is a midpoint sum of 16 steps; channels add up by magnitude.
    """

    def gradient_at(share: tf.Tensor) -> tf.Tensor:
        scaled = images * share
        with tf.GradientTape() as tape:
            tape.watch(scaled)
            logits = network.model(scaled, training=False)
            explained = tf.gather(logits, label, axis=1, batch_dims=1)
        return tape.gradient(explained, scaled)

    def step(index: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index + 1.0, total + gradient_at((index + 0.5) / _INTEGRATION_STEPS)

    _, total = tf.while_loop(
        lambda index, _: index < _INTEGRATION_STEPS,
        step,
        (tf.constant(0.0), tf.zeros_like(images)),
        parallel_iterations=1,
    )
    attribution = tf.reduce_sum(tf.abs(images * total / _INTEGRATION_STEPS), axis=-1)
    return _to_unit(attribution), network.model(images, training=False)


def _to_unit(heatmap: tf.Tensor) -> tf.Tensor:
    highest = tf.reduce_max(heatmap, axis=(1, 2), keepdims=True)
    return tf.math.divide_no_nan(heatmap, highest)
