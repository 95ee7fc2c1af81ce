"""Batch normalization in one operation where a network's statistics are fitted.

Keras 3 composes it of elementwise ones, each of which reads and writes the whole feature map, in float32 whatever the
precision. A network of many thin layers, such as DenseNet, spends most of a training step on a CPU in those.
"""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="radflow")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' BatchNormalization over the last axis of images, to the same numbers and with the same weights.

    It has the name of Keras' own because a file of weights finds its layers by the names of their classes.

    Example:
        >>> BatchNormalization()(keras.ops.ones((2, 4, 4, 3)), training=True).shape
        TensorShape([2, 4, 4, 3])
    """

    def call(self, inputs: keras.KerasTensor, training: bool | None = None, mask: None = None) -> keras.KerasTensor:
        """Returns float (n, rows, columns, channels), normalized; while its statistics are fitted, moves them on."""
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones(inputs.shape[-1]),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros(inputs.shape[-1]),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        # The operation tells the unbiased variance, Keras keeps the biased one.
        count = keras.ops.cast(keras.ops.size(inputs) // inputs.shape[-1], variance.dtype)
        biased = variance * (count - 1.0) / count
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1.0 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + biased * (1.0 - self.momentum))
        return outputs


def fuse_batch_norms(network: keras.Model) -> keras.Model:
    """Returns a network of the same layers and weights, in which each BatchNormalization of images is a fused one."""
    fused = keras.models.clone_model(network, clone_function=_fused, recursive=True)
    fused.set_weights(network.get_weights())
    return fused


def _fused(layer: keras.Layer) -> keras.Layer:
    kind: type[keras.Layer] = type(layer)
    if kind is keras.layers.BatchNormalization and layer.axis in (3, -1):
        kind = BatchNormalization
    return kind.from_config(layer.get_config())
