"""One phase's training loop: a compiled step, run over batches on whatever devices there are.

The loop is written out, since Keras 3's `fit` does not run on several machines (keras-team/keras#20585), and so that
each part of a network may have its own optimizer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.devices import Devices
from models.losses import Loss
from models.optimizers import Part

_SCORE_BATCH = 64
_SAY_EVERY_S = 2.0


class Fitting:
    """A network's training step, compiled, with the optimizers that it applies.

    Args:
        model: image float32 (n, rows, columns, channels) to logits float32 (n, labels).
        parts: its trainable variables with their optimizers, built under `devices`.
        loss: of targets and logits, one value an image.
        devices: where it runs.
        jit_compile: compile the step with XLA; on one device alone.
    """

    def __init__(
        self, model: keras.Model, parts: Sequence[Part], *, loss: Loss, devices: Devices, jit_compile: bool
    ) -> None:
        self._model, self._parts, self._loss, self._devices = model, parts, loss, devices
        one_device = devices.replicas == 1
        self._step = tf.function(self._step_here if one_device else self._step_everywhere, reduce_retracing=True)
        if one_device and jit_compile:
            self._step = tf.function(self._step_here, jit_compile=True)

    @property
    def variables(self) -> list[keras.Variable]:
        """All that a step changes, in a fixed order: the model's variables, then the optimizers'."""
        return [*self._model.variables, *(one for part in self._parts for one in part.optimizer.variables)]

    @property
    def learning_rate(self) -> float:
        """The head's learning rate now."""
        return float(keras.ops.convert_to_numpy(self._parts[-1].optimizer.learning_rate))

    def batches(self, dataset: tf.data.Dataset) -> Iterator[Any]:
        """Returns the batches of a data set, each shared out to the devices."""
        if self._devices.replicas == 1:
            return iter(dataset)
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
        return iter(self._devices.strategy.experimental_distribute_dataset(dataset.with_options(options)))

    def run(self, batches: Iterator[Any], steps: int, *, say: Callable[[int, float], None]) -> float:
        """Runs so many steps and returns their mean loss; `say` is told step and mean loss every two seconds."""
        total, said = tf.constant(0.0), time.monotonic()
        for step in range(1, steps + 1):
            total += self._step(*next(batches))
            if time.monotonic() - said > _SAY_EVERY_S:
                said = time.monotonic()
                say(step, float(total) / step)
        return float(total) / steps

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within the block the model has the moving average of its weights, where the optimizers keep one."""
        if not any(_innermost(part.optimizer).use_ema for part in self._parts):
            yield
            return
        own = [keras.ops.convert_to_numpy(one) for part in self._parts for one in part.variables]
        for part in self._parts:
            _innermost(part.optimizer).finalize_variable_values(part.variables)
        try:
            yield
        finally:
            for one, value in zip((one for part in self._parts for one in part.variables), own, strict=True):
                one.assign(value)

    def _step_everywhere(self, images: Any, targets: Any) -> tf.Tensor:
        strategy = self._devices.strategy
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(self._step_here, (images, targets)), axis=None)

    def _step_here(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Fits one device's share of a batch; returns its share of the batch's mean loss."""
        count = tf.cast(tf.shape(images)[0], tf.float32)
        if self._devices.replicas > 1:
            count = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, count)
        with tf.GradientTape(persistent=True) as tape:
            value = tf.reduce_sum(self._loss(targets, self._model(images, training=True))) / count
            if self._model.losses:
                value += tf.add_n(self._model.losses) / self._devices.replicas
            scaled = [part.optimizer.scale_loss(value) for part in self._parts]
        for part, own in zip(self._parts, scaled, strict=True):
            part.optimizer.apply(tape.gradient(own, part.variables), part.variables)
        return value


class Forward:
    """A model's logits, on one device, compiled once and kept while its weights change."""

    def __init__(self, model: keras.Model) -> None:
        signature = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
        self._none = np.empty((0, model.output_shape[-1]), np.float32)
        self._run = tf.function(lambda images: model(images, training=False), input_signature=[signature])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns logits float32 (n, labels) of images float32 (n, rows, columns, channels)."""
        starts = range(0, len(images), _SCORE_BATCH)
        parts = [self._run(images[start : start + _SCORE_BATCH]).numpy() for start in starts]
        return np.concatenate([self._none, *parts])


def _innermost(optimizer: keras.Optimizer) -> keras.Optimizer:
    """Returns the optimizer that a LossScaleOptimizer wraps, or itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)
