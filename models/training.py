"""Fits a network: the head on a frozen pretrained backbone first, then everything; keeps the weights best on `eval`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import scipy.special
from sklearn.metrics import roc_auc_score

from data_schemas.errors import TrainingDiverged
from data_schemas.task import Task
from models.augmentation import make_augment
from models.losses import Loss, class_weights, make_loss
from models.network import Network, build_network
from models.split_data import PROGRESS, SplitData, training_batches

_SCORE_BATCH = 64


@dataclass(frozen=True)
class Trained:
    """A fitted network.

    Attributes:
        network: with the weights of its best epoch.
        history: one dict an epoch: phase, epoch, loss, eval_loss, eval_auc, seconds.
        eval_logits: float32 (n, labels) of the eval split, in its order.
        eval_auc: macro AUC over findings on `eval`, of the best epoch; nan where no finding has both classes.
    """

    network: Network
    history: list[dict[str, Any]]
    eval_logits: np.ndarray
    eval_auc: float


def train(task: Task, train_split: SplitData, eval_split: SplitData, *, weights: Path | None) -> Trained:
    """Returns the network that a task describes, fitted to `train_split` and stopped on `eval_split`.

    Args:
        task: the task.
        train_split: what is fitted.
        eval_split: what early stopping and the best epoch follow.
        weights: the pretrained weights' file, or None.
    """
    network = build_network(task, weights=weights)
    loss = make_loss(class_weights(train_split.labels, task=task), task=task)
    watch = _EvalWatch(task, network, eval_split, loss)
    training = task.training
    if network.pretrained and training.frozen_epochs:
        network.set_backbone_trainable(False)
        rate: Any = training.frozen_learning_rate
        _fit(network, train_split, task=task, loss=loss, watch=watch.phase("head", training.frozen_epochs), rate=rate)
        network.model.set_weights(watch.best_weights)
    if training.epochs:
        network.set_backbone_trainable(True)
        rate = _schedule(task, steps=training.epochs * math.ceil(len(train_split) / training.batch_size))
        _fit(network, train_split, task=task, loss=loss, watch=watch.phase("all layers", training.epochs), rate=rate)
    network.model.set_weights(watch.best_weights)
    return Trained(network, watch.history, predict_logits(network.model, eval_split.images), watch.best_auc)


def predict_logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Returns the logits float32 (n, labels) of images float32 (n, rows, columns, channels)."""
    logits = [np.asarray(model.predict_on_batch(chunk)) for chunk in _chunks(images)]
    return np.concatenate(logits).astype(np.float32)


def macro_auc(labels: np.ndarray, logits: np.ndarray, *, task: Task) -> float:
    """Returns the mean AUC over the task's findings that have both classes among known labels; nan if none has.

    Args:
        labels: int64 (n,) indices or float32 (n, labels) of 1, 0, -1.
        logits: float (n, labels).
        task: the task.
    """
    values = []
    for index, name in enumerate(task.labels.names):
        truth = labels == index if task.labels.type == "multi_class" else labels[:, index]
        known = truth >= 0
        if name in task.labels.findings and len(np.unique(truth[known])) == 2:
            values.append(roc_auc_score(truth[known], to_scores(logits, task=task)[known, index]))
    return float(np.mean(values)) if values else float("nan")


def to_scores(logits: np.ndarray, *, task: Task) -> np.ndarray:
    """Returns the scores float32 (n, labels) of logits: their softmax (multi-class) or sigmoid (multi-label)."""
    activation = scipy.special.expit if task.labels.type == "multi_label" else partial(scipy.special.softmax, axis=1)
    scores: np.ndarray = activation(logits)
    return scores


def _chunks(images: np.ndarray) -> Sequence[np.ndarray]:
    return [images[start : start + _SCORE_BATCH] for start in range(0, len(images), _SCORE_BATCH)]


def _schedule(task: Task, *, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup = max(1, round(task.training.warmup_share * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=task.training.learning_rate / warmup,
        warmup_target=task.training.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, steps - warmup),
    )


def _fit(network: Network, split: SplitData, *, task: Task, loss: Loss, watch: _EvalWatch, rate: Any) -> None:
    training = task.training
    optimizer = keras.optimizers.AdamW(
        rate,
        weight_decay=training.weight_decay,
        use_ema=training.ema_momentum > 0,
        ema_momentum=training.ema_momentum or None,
    )
    # XLA only where a backbone's row says that it was measured to help: it made others ten times slower.
    network.model.compile(optimizer, loss=loss, jit_compile=network.jit_compile)
    batches = training_batches(
        split, batch_size=training.batch_size, seed=training.seed, augment=make_augment(training.augmentation)
    )
    # Callbacks run in order: the averaged weights must be in the model when it is judged.
    swap = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if training.ema_momentum else []
    network.model.fit(batches, epochs=watch.epochs, verbose=0, callbacks=[*swap, watch])


@dataclass
class _Best:
    value: float = -math.inf
    auc: float = float("nan")
    weights: list[np.ndarray] = field(default_factory=list)
    epoch: int = 0


class _EvalWatch(keras.callbacks.Callback):
    """Scores `eval` after each epoch, keeps the best weights, stops a phase without progress, and says how it goes."""

    def __init__(self, task: Task, network: Network, split: SplitData, loss: Loss) -> None:
        super().__init__()
        self.history: list[dict[str, Any]] = []
        self._task, self._network, self._split, self._loss = task, network, split, loss
        self._best = _Best()
        self._phase, self.epochs, self._stale, self._started, self._phase_started = "", 0, 0, 0.0, 0.0

    @property
    def best_weights(self) -> list[np.ndarray]:
        return self._best.weights

    @property
    def best_auc(self) -> float:
        return self._best.auc

    def phase(self, name: str, epochs: int) -> _EvalWatch:
        """Starts a phase of so many epochs."""
        self._phase, self.epochs, self._stale = name, epochs, 0
        self._phase_started = time.monotonic()
        return self

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logits = predict_logits(self._network.model, self._split.images)
        if not np.isfinite(logits).all():
            raise TrainingDiverged(
                f"training diverged in epoch {epoch + 1} of the phase {self._phase!r}: lower training.learning_rate "
                f"(it is {self._task.training.learning_rate:g}) or training.frozen_learning_rate in the task"
            )
        auc = macro_auc(self._split.labels, logits, task=self._task)
        loss = float(np.mean(keras.ops.convert_to_numpy(self._loss(self._split.labels, logits))))
        row = {
            "phase": self._phase,
            "epoch": epoch + 1,
            "loss": float((logs or {})["loss"]),
            "eval_loss": loss,
            "eval_auc": auc,
            "seconds": time.monotonic() - self._started,
        }
        self.history.append(row)
        self._say(row)
        # Without both classes in eval there is no AUC; the loss still orders the epochs.
        follows_auc = self._task.training.monitor == "auc" and not math.isnan(auc)
        self._keep_best(auc if follows_auc else -loss, auc)

    def _keep_best(self, value: float, auc: float) -> None:
        if value > self._best.value:
            self._best = _Best(value, auc, self._network.model.get_weights(), len(self.history))
            self._stale = 0
            return
        self._stale += 1
        if self._stale >= self._task.training.patience:
            self._network.model.stop_training = True

    def _say(self, row: dict[str, Any]) -> None:
        left = (time.monotonic() - self._phase_started) / row["epoch"] * (self.epochs - row["epoch"])
        PROGRESS.info(
            "%s, epoch %d of %d: loss %.3f, eval loss %.3f, eval AUC %.3f, at most %.0f s left",
            self._phase, row["epoch"], self.epochs, row["loss"], row["eval_loss"], row["eval_auc"], left,
        )  # fmt: skip
