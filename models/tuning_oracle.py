"""KerasTuner's oracles, made to survive a kill at any moment, to keep to a budget of time, and to say how it goes.

What KerasTuner 1.4 leaves open, and is closed here: it writes its state in place, so that a kill in a write leaves half
a file; a trial that was made or ended a moment before the kill is lost or run again, because `trial.json` and
`oracle.json` are written one after the other; nothing is read back unless a trial had ended; it has no budget of time.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from data_schemas.task import Task
from data_schemas.tuning_settings import Tuning
from models.tuning_space import declare_space, own_values

PROGRESS = logging.getLogger("radflow.progress")
PROJECT = "search"
EPOCHS, SECONDS = "epochs", "seconds"
"""What a trial reports beside its objective."""
OBJECTIVE_NAMES = {"auc": "AUC", "average_precision": "average precision", "loss": "loss"}
_ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class SearchOracle(keras_tuner.Oracle):
    """What is the same for every algorithm.

    Args:
        tuning: the task's `tuning` section.
        clock: seconds, from whenever.
        **arguments: the algorithm's own.
    """

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]

    def __init__(self, *, tuning: Tuning, clock: Callable[[], float] = time.monotonic, **arguments: Any) -> None:
        self._tuning, self._clock = tuning, clock
        self._elapsed_before, self._began = 0.0, clock()
        # A trial that diverges says nothing against the others.
        super().__init__(max_consecutive_failed_trials=tuning.max_trials + 1, **arguments)
        self.max_trials = tuning.max_trials
        self.verbose = 0  # we say how it goes

    @property
    def elapsed_s(self) -> float:
        """Seconds that the search has taken, in runs that were cut short too."""
        return self._elapsed_before + self._clock() - self._began

    def open(self, folder: Path) -> None:
        """Keeps the search in a folder, and goes on with what is there.

        Raises:
            Exception: whatever a damaged file leads to; the oracle is then of no use.
        """
        self._set_project_dir(str(folder), PROJECT)
        state = Path(self._get_oracle_fname())
        begun = json.loads(state.read_text())["start_order"] if state.is_file() else []
        for trial in Path(self._project_dir).glob("trial_*"):
            if trial.name.removeprefix("trial_") not in begun:
                shutil.rmtree(trial)  # the oracle did not come to know of it, and will make it again
        if state.is_file():
            self.reload()
            self._reconcile()
            self.save()

    def _reconcile(self) -> None:
        """Sorts the trials by what their own files say, which are written before the oracle's."""
        self.trials = {trial_id: self.trials[trial_id] for trial_id in self.start_order}
        self.ongoing_trials = {}
        self._retry_queue: list[str] = []
        # Taken from the end.
        for trial_id in reversed(self.start_order):
            trial = self.trials[trial_id]
            if trial.status not in _ENDED and trial.metrics.exists(self.objective.name):
                self.score_trial(trial)
                trial.status = TrialStatus.COMPLETED
                self._save_trial(trial)
            if trial.status not in _ENDED:
                self._retry_queue.append(trial_id)
        known = set(self.end_order)
        self.end_order += [
            name for name in self.start_order if self.trials[name].status in _ENDED and name not in known
        ]

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Returns the next trial, or word that there is none: also when the time is up and some trial was completed."""
        if tuner_id not in self.ongoing_trials and self._is_time_up():
            self.tuner_ids.discard(tuner_id)
            return Trial(hyperparameters=self.hyperparameters.copy(), status=TrialStatus.STOPPED)
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            PROGRESS.info("%s begins: %s", self._position(trial), spell_values(trial.hyperparameters.values))
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial: Trial) -> None:
        """Records a trial's end."""
        super().end_trial(trial)
        self.save()  # KerasTuner saves it as one that still runs
        ended = self.trials[trial.trial_id]
        if ended.status == TrialStatus.COMPLETED:
            PROGRESS.info("%s: %s%s", self._position(ended), self._outcome(ended), self._outlook())
        else:
            PROGRESS.info("%s failed%s", self._position(ended), self._outlook())

    def get_state(self) -> dict[str, Any]:
        """Returns what `set_state` takes."""
        return super().get_state() | {"elapsed_s": self.elapsed_s}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes up the state that another process left."""
        super().set_state(state)
        self._elapsed_before, self._began = float(state["elapsed_s"]), self._clock()

    def save(self) -> None:
        """Writes the state, whole or not at all."""
        _write_whole(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Trial) -> None:
        _write_whole(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())

    def _completed(self) -> list[Trial]:
        return [trial for trial in self.trials.values() if trial.status == TrialStatus.COMPLETED]

    def _is_time_up(self) -> bool:
        limit = self._tuning.max_minutes
        return limit is not None and self.elapsed_s >= 60 * limit and bool(self._completed())

    def _position(self, trial: Trial) -> str:
        return f"trial {trial_number(trial)} of at most {self.max_trials}"

    def _outcome(self, trial: Trial) -> str:
        name, best = OBJECTIVE_NAMES[self.objective.name], self.get_best_trials()[0]
        took = f" in {trial.metrics.get_last_value(SECONDS):.0f} s" if trial.metrics.exists(SECONDS) else ""
        return f"{name} {trial.score:.3f}{took}; best so far {best.score:.3f} (trial {trial_number(best)})"

    def _outlook(self) -> str:
        took = [trial.metrics.get_last_value(SECONDS) for trial in self._completed() if trial.metrics.exists(SECONDS)]
        left = self.max_trials - len(self.end_order)
        if left < 1 or not took:
            return ""
        seconds = sum(took) / len(took) * left / self._tuning.parallel_trials
        if self._tuning.max_minutes is not None:
            seconds = min(seconds, max(0.0, 60 * self._tuning.max_minutes - self.elapsed_s))
        return f"; about {seconds:.0f} s left"


class _RandomSearch(SearchOracle, keras_tuner.oracles.RandomSearchOracle):
    pass


class _Bayesian(SearchOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    pass


class _Hyperband(SearchOracle, keras_tuner.oracles.HyperbandOracle):
    pass


_ORACLES = {"random": _RandomSearch, "bayesian": _Bayesian, "hyperband": _Hyperband}


def make_oracle(task: Task) -> SearchOracle:
    """Returns the oracle that a task's `tuning` section asks for, new."""
    tuning = task.tuning
    arguments: dict[str, Any] = {"max_epochs": tuning.epochs} if tuning.algorithm == "hyperband" else {}
    return _ORACLES[tuning.algorithm](
        tuning=tuning,
        objective=keras_tuner.Objective(tuning.objective, "min" if tuning.objective == "loss" else "max"),
        hyperparameters=declare_space(task),
        # The space is declared; and KerasTuner takes the seed 0 for none.
        allow_new_entries=False,
        seed=task.training.seed or 1,
        **arguments,
    )


def open_oracle(task: Task, folder: Path) -> SearchOracle:
    """Returns the oracle of a search that is kept in a folder, new or where it was left.

    A search that cannot be read starts anew, with a word: its trials cost time, and a run that stops costs more.
    """
    oracle = make_oracle(task)
    try:
        oracle.open(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        PROGRESS.warning("the unfinished search is damaged (%s) and starts anew", type(error).__name__)
        shutil.rmtree(folder / PROJECT)
        oracle = make_oracle(task)
        oracle.open(folder)
    if oracle.end_order:
        PROGRESS.info("going on with a search; trials that have ended: %d", len(oracle.end_order))
    return oracle


def trial_number(trial: Trial) -> int:
    """Returns a trial's number, from 1."""
    return int(trial.trial_id) + 1


def spell_values(values: dict[str, Any]) -> str:
    """Returns hyperparameters as a person reads them."""
    own = own_values(values).items()
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value or '-'}" for name, value in own
    )


def _write_whole(path: Path, value: Any) -> None:
    """Writes JSON so that a kill leaves the old file or the new one."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
