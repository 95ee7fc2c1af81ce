"""Optimizers and learning rates of a phase: one for the whole network, or one each for backbone and head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from data_schemas.training_settings import Training
from models.network import Network

_NOT_DECAYED = ("bias", "gamma", "beta")
"""Weight decay draws weights to 0; there is no reason to draw an offset or a normalization's scale there."""
_SGD_MOMENTUM = 0.9


@dataclass(frozen=True)
class Part:
    """Variables of a network and the optimizer that fits them."""

    variables: list[keras.Variable]
    optimizer: keras.Optimizer


def make_parts(
    network: Network, training: Training, *, rate: float, backbone_rate: float, steps: int | None, scale_loss: bool
) -> list[Part]:
    """Returns what is trainable in a network, each part with its optimizer, ready to be applied.

    Args:
        network: the network, as far frozen as the phase wants it.
        training: names the optimizer.
        rate: the head's largest learning rate.
        backbone_rate: the backbone's.
        steps: of a warm-up and cosine decay of the rates; None for constant rates.
        scale_loss: keep float16 gradients from vanishing, by a scale that adapts itself.
    """
    body, head = network.features.trainable_variables, network.head.trainable_variables
    groups = [(body, backbone_rate), (head, rate)] if body and backbone_rate != rate else [([*body, *head], rate)]
    parts = []
    for variables, peak in groups:
        optimizer = _optimizer(training, _schedule(peak, steps, training.warmup_share) if steps else peak)
        if scale_loss:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(variables)
        parts.append(Part(variables, optimizer))
    return parts


def _optimizer(training: Training, rate: Any) -> keras.Optimizer:
    ema: dict[str, Any] = {"use_ema": True, "ema_momentum": training.ema_momentum} if training.ema_momentum else {}
    if training.optimizer == "adam":  # with a decay that is decoupled it would be AdamW
        return keras.optimizers.Adam(rate, **ema)
    shared = {"weight_decay": training.weight_decay or None, **ema}
    if training.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, **{**shared, "weight_decay": training.weight_decay})
    elif training.optimizer == "rmsprop":
        optimizer = keras.optimizers.RMSprop(rate, **shared)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=_SGD_MOMENTUM, nesterov=True, **shared)
    if training.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
    return optimizer


def _schedule(peak: float, steps: int, warmup_share: float) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup = max(1, round(warmup_share * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / warmup,
        warmup_target=peak,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )
