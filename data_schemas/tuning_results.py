"""What a search for hyperparameters leaves: every trial, and which was the best."""

from __future__ import annotations

from typing import Literal

from data_schemas.strict import Strict
from data_schemas.training_settings import Monitor

Status = Literal["completed", "failed", "stopped"]
Value = int | float | str


class Trial(Strict):
    """One trial.

    Attributes:
        number: from 1, in the order in which trials began.
        status: `completed`; `failed` (it diverged, or the machine could not); `stopped` before its end.
        seed: of everything that is random in it.
        hyperparameters: by name.
        objective: its value on `eval`; None unless completed.
        epochs: how many were trained.
        seconds: how long it took.
        reason: why it failed, in one line.
    """

    number: int
    status: Status
    seed: int
    hyperparameters: dict[str, Value]
    objective: float | None = None
    epochs: int | None = None
    seconds: float | None = None
    reason: str = ""


class TuningResults(Strict):
    """A search.

    Attributes:
        task: the task's name.
        algorithm: how trials were chosen.
        objective: what was looked for.
        max_trials: at most so many trials were asked for.
        minutes: how long it took in all, runs that were cut short included.
        trials: in the order in which they began.
    """

    task: str
    algorithm: str
    objective: Monitor
    max_trials: int
    minutes: float
    trials: tuple[Trial, ...]

    @property
    def higher_is_better(self) -> bool:
        """Whether the best trial has the highest objective, or the lowest."""
        return self.objective != "loss"

    @property
    def completed(self) -> tuple[Trial, ...]:
        """The trials that have an objective."""
        return tuple(trial for trial in self.trials if trial.objective is not None)

    @property
    def best(self) -> Trial | None:
        """The trial with the best objective, the first of equals; None when none was completed."""
        sign = 1.0 if self.higher_is_better else -1.0
        return max(self.completed, key=lambda trial: sign * (trial.objective or 0.0), default=None)
