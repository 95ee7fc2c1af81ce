"""KerasTuner over a task's tuning space: each trial is one short training, judged by its macro AUC on `eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_tuner

from data_schemas.errors import TrainingDiverged
from data_schemas.task import Task
from models.split_data import PROGRESS, SplitData
from models.training import train
from models.tuning_space import apply_hyperparameters, sample

OBJECTIVE = keras_tuner.Objective("eval_auc", "max")

_ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
    "hyperband": keras_tuner.oracles.HyperbandOracle,
}


class TaskTuner(keras_tuner.Tuner):
    """Searches a task's space; a trial trains through `models.training.train`, as the Trainer will.

    Args:
        task: the task.
        train_split, eval_split: what trials fit and are judged on.
        weights: the pretrained weights' file, or None.
        directory: where trials are kept, so that a killed search goes on.
    """

    def __init__(
        self, task: Task, train_split: SplitData, *, eval_split: SplitData, weights: Path | None, directory: str
    ) -> None:
        self._task, self._splits, self._weights = task, (train_split, eval_split), weights
        super().__init__(oracle=_oracle(task), directory=directory, project_name="tuning")

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Trains one trial and returns its objective."""
        values = sample(trial.hyperparameters, self._task)
        training = self._task.training.model_copy(update={"epochs": self._epochs(trial), "patience": 10**6})
        task = apply_hyperparameters(self._task.model_copy(update={"training": training}), values)
        PROGRESS.info("trial %s of at most %d: %s", trial.trial_id, self._task.tuning.max_trials, values)
        keras.utils.clear_session()
        try:
            trained = train(task, *self._splits, weights=self._weights)
        except TrainingDiverged:
            PROGRESS.info("trial %s diverged", trial.trial_id)
            return {OBJECTIVE.name: 0.0}
        return {OBJECTIVE.name: trained.eval_auc}

    def _epochs(self, trial: Any) -> int:
        return int(trial.hyperparameters.values.get("tuner/epochs", self._task.tuning.epochs))


def _oracle(task: Task) -> keras_tuner.Oracle:
    tuning = task.tuning
    shared: dict[str, Any] = {"objective": OBJECTIVE, "seed": task.training.seed}
    if tuning.algorithm == "hyperband":
        return _ORACLES["hyperband"](max_epochs=tuning.epochs, **shared)
    return _ORACLES[tuning.algorithm](max_trials=tuning.max_trials, **shared)
