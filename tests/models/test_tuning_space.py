"""The tuning space: what a trial draws is what the Trainer later uses, and no end of it is refused in the middle."""

from __future__ import annotations

from typing import Any

import pytest

from data_schemas.errors import ConfigurationError
from models.tuning_space import apply_hyperparameters, check_space, declare_space, models_to_build
from tests.models.tasks import demo_task

TUNING = {
    "enabled": True,
    "learning_rate": {"min": 1e-4, "max": 1e-2, "log": True},
    "dropout": {"min": 0.0, "max": 0.5},
    "augmentation": {"min": 0.0, "max": 1.5},
    "batch_size": (16, 32),
    "hidden": ((), (64, 32)),
    "backbone": ("small_cnn", "mobilenet"),
    "backbone_learning_rate": {"min": 1e-5, "max": 1e-3, "log": True},
    "unfreeze": {"min": 0.2, "max": 1.0},
    "loss": ("cross_entropy", "focal"),
}


def test_all_dimensions_are_declared_before_the_first_trial() -> None:
    space = {each.name: each for each in declare_space(demo_task(tuning=TUNING)).space}
    assert set(space) == set(TUNING) - {"enabled"}
    assert (space["learning_rate"].min_value, space["learning_rate"].max_value) == (1e-4, 1e-2)
    assert (space["learning_rate"].sampling, space["dropout"].sampling) == ("log", "linear")
    assert space["hidden"].values == ["", "64x32"]
    assert space["batch_size"].values == [16, 32]


def test_what_the_task_does_not_tune_keeps_its_value() -> None:
    task = demo_task()
    assert declare_space(task).space == []
    assert apply_hyperparameters(task, {}) == task


def test_values_replace_the_tasks_own() -> None:
    values = {"learning_rate": 0.5, "batch_size": 8, "dropout": 0.4, "hidden": "64x32", "backbone": "mobilenet"}
    values |= {"backbone_learning_rate": 0.25, "unfreeze": 0.5, "loss": "focal"}
    changed = apply_hyperparameters(demo_task(), values)
    assert (changed.training.learning_rate, changed.training.batch_size) == (0.5, 8)
    assert (changed.training.backbone_learning_rate, changed.training.unfreeze) == (0.25, 0.5)
    assert changed.training.loss == "focal"
    assert (changed.model.dropout, changed.model.hidden, changed.model.backbone) == (0.4, (64, 32), "mobilenet")
    assert apply_hyperparameters(demo_task(model={"hidden": (8,)}), {"hidden": ""}).model.hidden == ()


def test_what_hyperband_adds_for_itself_changes_nothing() -> None:
    task = demo_task()
    assert apply_hyperparameters(task, {"tuner/epochs": 3, "tuner/trial_id": "0000"}) == task


def test_a_factor_scales_the_declared_strengths_and_no_flip() -> None:
    declared = {"horizontal_flip": True, "rotation": 10.0, "zoom": 0.2, "noise": 0.0, "gamma": 1.5}
    task = demo_task(training={"augmentation": declared})
    scaled = apply_hyperparameters(task, {"augmentation": 1.5}).training.augmentation
    assert (scaled.horizontal_flip, scaled.rotation, scaled.noise) == (True, 15.0, 0.0)
    assert scaled.zoom == pytest.approx(0.3)
    assert scaled.gamma == pytest.approx(1.75)  # 1 changes nothing, so 1.5 is 0.5 of strength
    none = apply_hyperparameters(task, {"augmentation": 0.0}).training.augmentation
    assert (none.horizontal_flip, none.rotation, none.zoom, none.gamma) == (True, 0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"dropout": 1.0}, r"model\.dropout: Input should be less than 1"),
        ({"learning_rate": 0.0}, r"training\.learning_rate: Input should be greater than 0"),
        ({"learning_rate": float("nan")}, r"training\.learning_rate: Input should be a finite number"),
        ({"batch_size": 0}, r"training\.batch_size: Input should be greater than or equal to 1"),
        ({"hidden": "64x0"}, r"model\.hidden\.1: Input should be greater than 0"),
        ({"hidden": "64xmany"}, r"model\.hidden\.1: Input should be a valid integer"),
        ({"augmentation": "strong"}, "could not convert string to float"),
        ({"augmentation": None}, "must be a string or a real number"),
    ],
)
def test_a_value_that_no_task_may_have_is_refused_before_training(values: dict[str, Any], said: str) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"make no task that can be trained: .*{said}.*mend the task's `tuning`"
    ):
        apply_hyperparameters(demo_task(), values)


def test_an_unknown_hyperparameter_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"momentum: no hyperparameters; known: learning_rate, .*; mend F"):
        apply_hyperparameters(demo_task(), {"momentum": 0.9}, mend="mend F")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (
            {"tuning": {"augmentation": {"min": 0.5, "max": 30.0}}, "training": {"augmentation": {"rotation": 7.0}}},
            r"augmentation\.rotation: Input should be less than or equal to 180; mend tuning\.augmentation in the task",
        ),
        ({"tuning": {"loss": ("cross_entropy", "dice")}}, r"'cross_entropy' or 'focal'; mend tuning\.loss in the task"),
        (
            {"tuning": {"backbone": ("mobilenet", "resnet50")}, "model": {"weights": "own.h5"}},
            "model.weights is a file, which fits one of them",
        ),
        ({"tuning": {"backbone": ("small_cnn", "alexnet")}}, "'alexnet' is unknown; choose one of"),
        (
            {
                "tuning": {"backbone": ("mobilenet", "small_cnn")},
                "model": {"backbone": "mobilenet", "weights": "imagenet"},
            },
            "small_cnn has no ImageNet weights",
        ),
    ],
)
def test_an_end_of_the_space_that_makes_no_task_is_refused_before_the_search(task: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_space(demo_task(**task))


def test_a_sound_space_is_taken() -> None:
    check_space(demo_task(tuning=TUNING))


def test_one_model_for_each_backbone_to_choose_from_and_widths_where_there_are_some() -> None:
    model = {"backbone": "mobilenet", "weights": "imagenet", "alpha": 0.25}
    task = demo_task(model=model, tuning={"enabled": True, "backbone": ("mobilenet", "densenet121")})
    assert [(each.backbone, each.alpha) for each in models_to_build(task)] == [
        ("mobilenet", 0.25),
        ("densenet121", None),
    ]
    off = demo_task(model=model, tuning={"enabled": False, "backbone": ("mobilenet", "densenet121")})
    assert models_to_build(off) == (off.model,)
