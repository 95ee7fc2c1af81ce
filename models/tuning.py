"""KerasTuner over a task's tuning space: each trial is one short training, judged by its objective on `eval`."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import TrialStatus
from sklearn.metrics import roc_auc_score

from data_schemas.errors import ConfigurationError, SearchFailed, TrainingDiverged
from data_schemas.task import Task
from data_schemas.tuning_results import Status, Trial, TuningResults
from models.eval_metrics import macro
from models.split_data import SplitData
from models.training import train
from models.tuning_oracle import EPOCHS, PROJECT, SECONDS, make_oracle, open_oracle, trial_number
from models.tuning_parallel import run_workers, say_where_to_join
from models.tuning_space import apply_hyperparameters, own_values

_LOG = logging.getLogger(__name__)
_NEVER = 10**6  # epochs without improvement; a trial's budget is its epochs
_SEEDS = 2**32
_STATUS: dict[str, Status] = {TrialStatus.COMPLETED: "completed", TrialStatus.FAILED: "failed"}


class TaskTuner(BaseTuner):
    """Searches a task's space; a trial trains through `models.training.train`, as the Trainer will.

    Where KerasTuner's environment variables name a chief, this is the chief or one of its workers; else it runs the
    trials here, or in `tuning.parallel_trials` processes.

    Args:
        task: the task.
        splits: what trials fit (`train`) and are judged on (`eval`).
        weights: pretrained weights' files by backbone, empty for random ones.
        folder: where the search is kept, so that a killed one goes on; the same whenever task, data and code are. What
            worker processes are handed lies there too, for as long as they work.

    Raises:
        ConfigurationError: the objective cannot be computed on `eval`.
    """

    def __init__(
        self,
        task: Task,
        splits: tuple[SplitData, SplitData],
        *,
        weights: Mapping[str, str],
        folder: Path,
    ) -> None:
        if not _has_objective(splits[1].labels, task):
            raise ConfigurationError(
                f"tuning.objective {task.tuning.objective} needs a finding that some images of eval have and others "
                "have not, and there is none: use objective: loss, or more data"
            )
        self._task, self._splits, self._weights, self._handed = task, splits, weights, folder / "workers"
        oracle = make_oracle(task) if _is_worker() else open_oracle(task, folder)
        super().__init__(oracle=oracle, directory=str(folder), project_name=PROJECT)

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Runs trials until there are enough of them, or the time is up.

        Raises:
            SearchFailed: none was completed, or a worker process ended before its time.
        """
        if _has_chief() and not _is_worker():
            say_where_to_join(self._handed, self._task, self._splits, self._weights)
        if self._task.tuning.parallel_trials > 1 and not _has_chief():
            run_workers(self.oracle, self._handed, self._task, self._splits, self._weights)
        else:
            super().search(*args, **kwargs)
        if not _is_worker() and not self.results().completed:
            reasons = sorted({trial.reason for trial in self.results().trials if trial.reason})
            raise SearchFailed(
                f"no trial of the search was completed ({'; '.join(reasons) or 'the log says why'}): mend the task's "
                "`tuning`, and run again"
            )

    def pre_create_trial(self) -> None:
        """Lets the chief rest: KerasTuner asks again at once where a worker has to wait for the others."""
        if _is_worker():
            time.sleep(0.1)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Trains one trial and returns its objective, epochs and seconds."""
        started = time.monotonic()
        task = self._task_of(trial)
        keras.utils.clear_session()
        try:
            weights = self._weights.get(task.model.backbone)
            trained = train(task, *self._splits, weights=Path(weights) if weights else None)
        except TrainingDiverged as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        value = float(trained.best[f"eval_{task.tuning.objective}"])
        return {task.tuning.objective: value, EPOCHS: len(trained.history), SECONDS: time.monotonic() - started}

    def on_trial_end(self, trial: Any) -> None:
        """Ends the trial, and logs why it failed."""
        if trial.message:
            _LOG.warning("trial %d failed: %s", trial_number(trial), trial.message)
        super().on_trial_end(trial)

    def save(self) -> None:
        """Saves the oracle; a tuner has no state of its own."""
        if not _is_worker():
            self.oracle.save()

    def reload(self) -> None:
        """Does nothing: the oracle was opened with what was there."""

    def results(self) -> TuningResults:
        """Returns every trial that began."""
        tuning = self._task.tuning
        return TuningResults(
            task=self._task.name,
            algorithm=tuning.algorithm,
            objective=tuning.objective,
            max_trials=tuning.max_trials,
            minutes=self.oracle.elapsed_s / 60,
            trials=tuple(self._result(trial) for trial in self.oracle.trials.values()),
        )

    def _task_of(self, trial: Any) -> Task:
        """Returns the task that a trial trains: its values, its epochs, its seed, its best epoch by the objective."""
        values = trial.hyperparameters.values
        training = self._task.training.model_copy(
            update={
                "epochs": int(values.get("tuner/epochs", self._task.tuning.epochs)),
                "patience": _NEVER,
                "seed": self._seed(trial),
                "monitor": self._task.tuning.objective,
            }
        )
        return apply_hyperparameters(self._task.model_copy(update={"training": training}), values)

    def _seed(self, trial: Any) -> int:
        """Returns a trial's seed; Hyperband's longer training of an earlier trial has that one's."""
        earlier = trial.hyperparameters.values.get("tuner/trial_id")
        if earlier is not None:
            return self._seed(self.oracle.get_trial(earlier))
        return (self._task.training.seed + trial_number(trial)) % _SEEDS

    def _result(self, trial: Any) -> Trial:
        metrics = {name: trial.metrics.get_last_value(name) for name in (EPOCHS, SECONDS) if trial.metrics.exists(name)}
        completed = trial.status == TrialStatus.COMPLETED
        return Trial(
            number=trial_number(trial),
            status=_STATUS.get(trial.status, "stopped"),
            seed=self._seed(trial),
            hyperparameters=own_values(trial.hyperparameters.values),
            objective=float(trial.score) if completed else None,
            epochs=int(metrics[EPOCHS]) if EPOCHS in metrics else None,
            seconds=metrics.get(SECONDS),
            reason=_reason(trial.message or ""),
        )


def _has_objective(labels: np.ndarray, task: Task) -> bool:
    """Returns whether the objective can be computed: all but the loss need a finding with both classes in `eval`."""
    logits = np.zeros((len(labels), len(task.labels.names)), np.float32)
    return task.tuning.objective == "loss" or not math.isnan(macro(roc_auc_score, labels, logits, task=task))


def _has_chief() -> bool:
    return "KERASTUNER_ORACLE_IP" in os.environ


def _is_worker() -> bool:
    return _has_chief() and "chief" not in os.environ["KERASTUNER_TUNER_ID"]


def _reason(traceback: str) -> str:
    """Returns why a trial failed: our own words, or the kind of error alone, since a text may name a file."""
    last = (traceback.strip().splitlines() or [""])[-1]
    kind, _, text = last.partition(": ")
    kind = kind.rsplit(".", 1)[-1]
    return text if kind == "FailedTrialError" else kind
