"""The tuning space: what a trial draws is what the Trainer later uses."""

from __future__ import annotations

import keras_tuner
import pytest

from data_schemas.errors import ConfigurationError
from models.tuning_space import apply_hyperparameters, sample
from tests.models.tasks import demo_task

TUNING = {
    "enabled": True,
    "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
    "dropout": {"min": 0.0, "max": 0.5},
    "hidden": ((), (64, 32)),
}


def test_a_trial_draws_within_the_bounds() -> None:
    task = demo_task(tuning=TUNING)
    values = sample(keras_tuner.HyperParameters(), task)
    assert 1e-4 <= values["learning_rate"] <= 1e-2
    assert 0 <= values["dropout"] <= 0.5
    assert values["hidden"] in ("", "64x32")


def test_what_the_task_does_not_tune_keeps_its_value() -> None:
    task = demo_task()
    assert sample(keras_tuner.HyperParameters(), task) == {}
    assert apply_hyperparameters(task, {}) == task


def test_values_replace_the_tasks_own() -> None:
    changed = apply_hyperparameters(demo_task(), {"learning_rate": 0.5, "dropout": 0.4, "hidden": "64x32"})
    assert (changed.training.learning_rate, changed.model.dropout, changed.model.hidden) == (0.5, 0.4, (64, 32))
    assert apply_hyperparameters(demo_task(model={"hidden": (8,)}), {"hidden": ""}).model.hidden == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"dropout": 1.0}, r"model\.dropout: Input should be less than 1"),
        ({"learning_rate": 0.0}, r"training\.learning_rate: Input should be greater than 0"),
        ({"learning_rate": float("nan")}, r"training\.learning_rate: Input should be a finite number"),
        ({"hidden": "64x0"}, r"model\.hidden\.1: Input should be greater than 0"),
        ({"hidden": "64xmany"}, r"model\.hidden\.1: Input should be a valid integer"),
    ],
)
def test_a_value_that_no_task_may_have_is_refused_before_training(values: dict[str, object], said: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"make no task that can be trained: {said}.*mend the task's `tuning`"
    ):
        apply_hyperparameters(demo_task(), values)
