"""Fits a network: the head on a frozen pretrained backbone first, then everything; keeps the weights best on `eval`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data_schemas.errors import TrainingDiverged
from data_schemas.task import Task
from data_schemas.training_cluster import TrainingCluster
from models.augmentation import make_augment, make_mixup
from models.backbones import BACKBONES
from models.devices import Devices, find_devices
from models.eval_metrics import eval_metrics, monitored
from models.fitting import Fitting, Forward
from models.losses import Loss, class_weights, make_loss, to_targets
from models.network import Network, build_network
from models.optimizers import make_parts
from models.split_data import PROGRESS, SplitData, training_batches
from models.training_state import TrainingState


@dataclass(frozen=True)
class Phase:
    """A stretch of training.

    Attributes:
        name: what progress and history call it.
        backbone: whether the backbone is fitted too.
        epochs: how many at most.
    """

    name: str
    backbone: bool
    epochs: int


@dataclass(frozen=True)
class Trained:
    """A fitted network.

    Attributes:
        network: with the weights of its best epoch, in float32 and on one device, as it is exported.
        history: one dict an epoch: phase, epoch, loss, eval_loss, eval_auc, eval_average_precision, learning_rate,
            seconds.
        best: the row of `history` whose weights were kept.
        eval_logits: float32 (n, labels) of the eval split, in its order.
        class_weights: as `models.losses.class_weights` gives them.
    """

    network: Network
    history: list[dict[str, Any]]
    best: dict[str, Any]
    eval_logits: np.ndarray
    class_weights: np.ndarray

    @property
    def eval_auc(self) -> float:
        """Macro AUC over findings on `eval` of the best epoch; nan where no finding has both classes."""
        return float(self.best["eval_auc"])


def train(
    task: Task,
    train_split: SplitData,
    eval_split: SplitData,
    *,
    weights: Path | None,
    devices: Devices | None = None,
    state_folder: Path | None = None,
    log_folder: Path | None = None,
) -> Trained:
    """Returns the network that a task describes, fitted to `train_split` and stopped on `eval_split`.

    Args:
        task: the task.
        train_split: what is fitted.
        eval_split: what early stopping and the best epoch follow.
        weights: the pretrained weights' file, or None.
        devices: where to fit; what there is unless given.
        state_folder: where each epoch's state is kept, and taken up again by a training that was stopped.
        log_folder: where TensorBoard's events go.

    Raises:
        TrainingDiverged: the network no longer gives numbers.
    """
    return _Training(
        task,
        train_split,
        eval_split,
        weights=weights,
        devices=devices or task_devices(task),
        state_folder=state_folder,
        log_folder=log_folder,
    ).run()


def task_devices(task: Task, *, cluster: TrainingCluster | None = None) -> Devices:
    """Returns what a task's network is fitted on: here, or on a cluster, which is joined before TensorFlow is used."""
    row = BACKBONES[task.model.backbone]
    return find_devices(task.training.precision, cpu_precision=row.cpu_precision, cluster=cluster)


class _Training:
    """One training, its parts wired together."""

    def __init__(
        self,
        task: Task,
        train_split: SplitData,
        eval_split: SplitData,
        *,
        weights: Path | None,
        devices: Devices,
        state_folder: Path | None,
        log_folder: Path | None,
    ) -> None:
        self._task, self._train, self._eval = task, train_split, eval_split
        self._weights, self._devices, self._state_folder = weights, devices, state_folder
        with devices.building():
            self._network = build_network(task, weights=weights)
        self._forward = Forward(self._network.model)
        self._class_weights = class_weights(train_split.labels, task=task)
        self._loss: Loss = make_loss(self._class_weights, task=task)
        self._targets = to_targets(train_split.labels, task=task)
        self._state = (TrainingState.load(state_folder) if state_folder else None) or TrainingState()
        self._logs = tf.summary.create_file_writer(str(log_folder)) if log_folder else None

    def run(self) -> Trained:
        phases, first = self._phases(), self._state.phase
        for number in range(len(self._state.history)):
            self._log(number)
        if self._state.history and not (first == len(phases) - 1 and self._state.phase_over):
            last = self._state.history[-1]
            PROGRESS.info("going on after epoch %d of %s, where a training was stopped", last["epoch"], last["phase"])
        for index, phase in enumerate(phases[first:], first):
            self._run_phase(index, phase)
        self._network.model.set_weights(self._state.best_weights)
        network = self._as_exported()
        logits = Forward(network.model)(self._eval.images)
        history = self._state.history
        return Trained(network, history, history[self._state.best], logits, self._class_weights)

    def _phases(self) -> list[Phase]:
        training = self._task.training
        head = [Phase("head", backbone=False, epochs=training.frozen_epochs)] if self._network.pretrained else []
        everything = Phase("all layers", backbone=True, epochs=training.epochs)
        return [phase for phase in (*head, everything) if phase.epochs]

    def _run_phase(self, index: int, phase: Phase) -> None:
        state, training = self._state, self._task.training
        if state.phase < index:
            self._network.model.set_weights(state.best_weights)
            state.phase, state.epoch, state.stale, state.phase_over = index, 0, 0, False
            state.variables = []
        if state.phase_over:
            return
        steps = self._steps()
        fitting = self._fitting(phase, steps)
        if state.variables:
            for variable, value in zip(fitting.variables, state.variables, strict=True):
                variable.assign(value)
        batches = fitting.batches(self._dataset(phase, index))
        clock = _Clock(phase.epochs - state.epoch)
        while state.epoch < phase.epochs and not state.phase_over:
            row = self._epoch(phase, fitting, batches, steps)
            state.phase_over = state.stale >= training.patience or state.epoch == phase.epochs
            self._keep_state(fitting)
            self._say(row, phase, left=clock.left())

    def _steps(self) -> int:
        """Steps of an epoch. Several devices share whole batches alone: none of them may get nothing."""
        exact = len(self._train) / self._task.training.batch_size
        return math.ceil(exact) if self._devices.replicas == 1 else max(1, math.floor(exact))

    def _fitting(self, phase: Phase, steps: int) -> Fitting:
        training, network = self._task.training, self._network
        network.set_backbone_trainable(phase.backbone, share=training.unfreeze)
        rate = training.learning_rate if phase.backbone else training.frozen_learning_rate
        with self._devices.building():
            parts = make_parts(
                network,
                training,
                rate=rate,
                backbone_rate=training.backbone_learning_rate or training.learning_rate,
                steps=phase.epochs * steps if phase.backbone else None,
                scale_loss=self._devices.precision == "mixed_float16",
            )
        # XLA only where a backbone's row says that it was measured to help: it made others ten times slower.
        return Fitting(network.model, parts, loss=self._loss, devices=self._devices, jit_compile=network.jit_compile)

    def _dataset(self, phase: Phase, index: int) -> tf.data.Dataset:
        training = self._task.training
        return training_batches(
            self._train,
            self._targets,
            batch_size=training.batch_size,
            seed=training.seed + index,
            epochs=range(self._state.epoch, phase.epochs),
            augment=make_augment(training.augmentation),
            mix=make_mixup(training.augmentation),
            whole_batches=self._devices.replicas > 1,
        )

    def _epoch(self, phase: Phase, fitting: Fitting, batches: Iterator[Any], steps: int) -> dict[str, Any]:
        """Fits one epoch, judges the network on `eval`, and keeps the weights if they are the best so far."""
        epoch, started = self._state.epoch + 1, time.monotonic()

        def say(step: int, loss: float) -> None:
            words = "%s, epoch %d of %d: step %d of %d, loss %.3f"
            PROGRESS.debug(words, phase.name, epoch, phase.epochs, step, steps, loss)

        loss = fitting.run(batches, steps, say=say)
        with fitting.averaged():
            logits = self._forward(self._eval.images)
            self._refuse_divergence(phase, epoch, logits)
            found = {
                "loss": loss,
                **eval_metrics(self._eval.labels, logits, loss=self._loss, task=self._task),
                "learning_rate": fitting.learning_rate,
                "seconds": time.monotonic() - started,
            }
            # Workers round otherwise, and know BatchNorm's statistics of their own share: the chief says what is best.
            agreed = dict(zip(found, self._devices.of_chief(list(found.values())), strict=True))
            row = {"phase": phase.name, "epoch": epoch, **agreed}
            self._keep_best(row)
        self._state.epoch = epoch
        return row

    def _refuse_divergence(self, phase: Phase, epoch: int, logits: np.ndarray) -> None:
        # Logits can be finite where weights are not: oneDNN's ReLU turns what is not a number into 0.
        weights = self._network.model.get_weights()
        if not all(np.isfinite(one).all() for one in (logits, *weights)):
            training = self._task.training
            raise TrainingDiverged(
                f"training diverged in epoch {epoch} of the phase {phase.name!r}: lower training.learning_rate "
                f"(it is {training.learning_rate:g}) or training.frozen_learning_rate in the task"
            )

    def _keep_best(self, row: dict[str, Any]) -> None:
        state, value = self._state, monitored(row, self._task.training.monitor)
        state.history.append(row)
        if value > state.best_value:
            state.best, state.best_value, state.stale = len(state.history) - 1, value, 0
            state.best_weights = self._network.model.get_weights()
        else:
            state.stale += 1

    def _keep_state(self, fitting: Fitting) -> None:
        if self._state_folder and self._devices.chief:
            self._state.variables = [keras.ops.convert_to_numpy(one) for one in fitting.variables]
            self._state.save(self._state_folder)

    def _say(self, row: dict[str, Any], phase: Phase, *, left: float) -> None:
        PROGRESS.info(
            "%s, epoch %d of %d: loss %.3f, eval loss %.3f, eval AUC %.3f, at most %s left",
            phase.name, row["epoch"], phase.epochs, row["loss"], row["eval_loss"], row["eval_auc"], _duration(left),
        )  # fmt: skip
        self._log(len(self._state.history) - 1)

    def _log(self, number: int) -> None:
        """Writes a row of the history, from 0, as an epoch of TensorBoard's, from 1."""
        if self._logs:
            row = self._state.history[number]
            with self._logs.as_default(step=number + 1):
                for name in ("loss", "eval_loss", "eval_auc", "eval_average_precision", "learning_rate"):
                    tf.summary.scalar(name, row[name])
            self._logs.flush()

    def _as_exported(self) -> Network:
        """Returns the network in float32 and on one device, whatever it was fitted on."""
        if self._devices.replicas == 1 and self._devices.precision == "float32":
            return self._network
        plain = build_network(self._task, weights=None)
        plain.model.set_weights(self._network.model.get_weights())
        return plain


class _Clock:
    """How long a phase will take yet, from the epochs that it has done."""

    def __init__(self, epochs: int) -> None:
        self._epochs, self._done, self._started = epochs, 0, time.monotonic()

    def left(self) -> float:
        """Counts one more epoch as done and returns the seconds that the others will take."""
        self._done += 1
        return (time.monotonic() - self._started) / self._done * (self._epochs - self._done)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
