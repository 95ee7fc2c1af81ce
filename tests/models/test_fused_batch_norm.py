"""Fused batch normalization against Keras' own, which is composed of elementwise operations."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.fused_batch_norm import BatchNormalization, fuse_batch_norms
from models.small_cnn import build

_IMAGES = np.random.default_rng(1).normal(3.0, 2.0, (4, 6, 5, 3)).astype(np.float32)


def _layer(kind: type[keras.layers.BatchNormalization], **settings: bool) -> keras.layers.BatchNormalization:
    layer = kind(momentum=0.9, gamma_initializer=keras.initializers.Constant(1.5), **settings)
    layer.build(_IMAGES.shape)
    return layer


def _step(layer: keras.layers.BatchNormalization, *, jit_compile: bool = False) -> list[np.ndarray]:
    """Returns outputs, gradients by inputs and weights, and the statistics after one training step."""
    weight = np.random.default_rng(2).normal(size=_IMAGES.shape).astype(np.float32)

    @tf.function(jit_compile=jit_compile)
    def run(images: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(outputs * weight)
        by = [images, *(variable.value for variable in layer.trainable_variables)]
        return [outputs, *tape.gradient(loss, by, unconnected_gradients="zero")]

    results = run(tf.constant(_IMAGES))
    return [np.asarray(one) for one in (*results, *layer.get_weights())]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_outputs_gradients_and_statistics_are_those_of_keras(jit_compile: bool) -> None:
    ours, theirs = (
        _step(_layer(BatchNormalization), jit_compile=jit_compile),
        _step(_layer(keras.layers.BatchNormalization)),
    )
    assert len(ours) == len(theirs) == 8
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-4, atol=1e-4)


def test_a_frozen_one_uses_its_statistics_and_keeps_them() -> None:
    layers = [_layer(BatchNormalization), _layer(keras.layers.BatchNormalization)]
    for layer in layers:
        layer.set_weights([np.full(3, value, np.float32) for value in (2.0, 1.0, 3.0, 4.0)])
        layer.trainable = False
    outputs = [np.asarray(layer(_IMAGES, training=True)) for layer in layers]
    np.testing.assert_allclose(outputs[0], (_IMAGES - 3) / np.sqrt(4 + 1e-3) * 2 + 1, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(layers[0].moving_mean, np.full(3, 3.0))


def test_bfloat16_stays_bfloat16_with_statistics_in_float32() -> None:
    layer = BatchNormalization(dtype="mixed_bfloat16")
    outputs = layer(tf.cast(_IMAGES, tf.bfloat16), training=True)
    assert outputs.dtype == tf.bfloat16
    assert layer.moving_mean.dtype == "float32"
    mean = _IMAGES.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, 0.01 * mean, rtol=1e-2)


def test_a_network_keeps_its_layers_and_weights() -> None:
    network = build((32, 32, 1))
    network.set_weights([weight + 1.0 for weight in network.get_weights()])
    fused = fuse_batch_norms(network)
    assert [layer.name for layer in fused.layers[1:]] == [layer.name for layer in network.layers[1:]]
    kinds = [layer for layer in fused.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(kinds) == 5
    assert all(isinstance(layer, BatchNormalization) for layer in kinds)
    for ours, theirs in zip(fused.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_files_are_those_of_keras(tmp_path: Path) -> None:
    network = build((32, 32, 1))
    fused = fuse_batch_norms(network)
    fused.set_weights([weight + 1.0 for weight in network.get_weights()])
    fused.save_weights(tmp_path / "fused.weights.h5")
    network.load_weights(tmp_path / "fused.weights.h5")
    for ours, theirs in zip(fused.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_axis_stays_with_keras() -> None:
    image = keras.Input((6, 5, 3))
    network = fuse_batch_norms(keras.Model(image, keras.layers.BatchNormalization(axis=1)(image)))
    assert type(network.layers[1]) is keras.layers.BatchNormalization
