"""What no task may say: each refusal names the part and how to mend it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from data_schemas.task import MANIFEST_COLUMNS, Task, Waived
from data_schemas.task_file import load_task, records_json, task_to_json, transform_json

AUGMENTATION_OFF = dict.fromkeys(("rotation", "translation", "zoom", "brightness", "contrast", "noise"), 0.0)


def _changed(**sections: Any) -> Task:
    """Returns the demo's task with some keys replaced, those of a section merged into it, checked anew."""
    value = load_task("synthetic_chest").model_dump()
    for name, change in sections.items():
        value[name] = value[name] | change if isinstance(change, dict) else change
    return Task.model_validate(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "sections",
    [
        lambda number: {"training": {"learning_rate": number}},
        lambda number: {"training": {"augmentation": {"rotation": number}}},
        lambda number: {"model": {"alpha": number}},
        lambda number: {"tuning": {"dropout": {"min": 0.0, "max": number}}},
        lambda number: {"intensity": {"policy": "hounsfield", "windows": [{"center": number, "width": 1.0}]}},
        lambda number: {"gates": [{"name": "x", "metric": "auroc", "min": number}]},
    ],
)
def test_a_number_must_be_finite(sections: Any, number: float) -> None:
    with pytest.raises(ValidationError, match="finite number"):
        _changed(**sections(number))


@pytest.mark.parametrize(
    ("tuning", "said"),
    [
        ({"dropout": {"min": -0.1, "max": 0.5}}, "-0.1..0.5; dropout lies at or above 0 and below 1"),
        ({"dropout": {"min": 0.1, "max": 1.0}}, "0.1..1; dropout lies at or above 0 and below 1"),
        ({"learning_rate": {"min": 0.0, "max": 0.1}}, "min is 0; a learning rate lies above 0"),
        ({"hidden": [[64, 0]]}, "greater than 0"),
        ({"hidden": [[-8]]}, "greater than 0"),
        ({"enabled": True}, "nothing to search: give one or more of learning_rate, backbone_learning_rate, unfreeze, "),
        ({"unfreeze": {"min": 0.0, "max": 1.0}}, "0..1; unfreeze lies above 0 and at or below 1"),
        ({"augmentation": {"min": -1.0, "max": 1.0}}, "min is -1; a factor on strengths is 0 or above"),
        ({"batch_size": [16, 32, 16]}, "16 stands more than once; list each choice once"),
        ({"objective": "loss", "loss": ["cross_entropy", "focal"]}, "their values do not compare; use objective: auc"),
        ({"objective": "accuracy"}, "'auc', 'average_precision' or 'loss'"),
        ({"parallel_trials": 0}, "greater than or equal to 1"),
        ({"max_minutes": 0}, "greater than 0"),
    ],
)
def test_a_tuning_space_with_values_that_no_task_may_have_is_refused(tuning: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        _changed(tuning=tuning)


@pytest.mark.parametrize(
    "space",
    [
        {"dropout": {"min": 0.0, "max": 0.99}},
        {"learning_rate": {"min": 1e-6, "max": 1.0, "log": True}},
        {"hidden": [[], [1]]},
        {"batch_size": [8, 16]},
        {"unfreeze": {"min": 0.1, "max": 1.0}},
        {"augmentation": {"min": 0.0, "max": 2.0}},
        {"backbone": ["mobilenet", "densenet121"]},
    ],
)
def test_one_tuned_dimension_is_a_space(space: dict[str, Any]) -> None:
    assert _changed(tuning={"enabled": True, **space}).tuning.enabled


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_would_refuse_is_refused(seed: int) -> None:
    with pytest.raises(ValidationError, match=r"training\.seed"):
        _changed(training={"seed": seed})


def test_the_smallest_and_largest_seed_are_taken() -> None:
    assert [_changed(training={"seed": seed}).training.seed for seed in (0, 2**32 - 1)] == [0, 2**32 - 1]


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        ([["sex"], []], "an entry is empty; name one feature or more, e.g. [sex]"),
        ([["sex", "sex"]], "[sex, sex] names a feature more than once"),
        ([["sex"], ["view"], ["sex"]], "[sex] stands more than once"),
        ([["sex", "view"], ["view", "sex"]], "[sex, view] stands more than once, in whatever order"),
    ],
)
def test_slices_that_are_empty_or_alike_are_refused(slices: list[list[str]], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        _changed(slices=slices)


def test_a_feature_may_stand_in_several_slices() -> None:
    slices = (("sex",), ("view",), ("sex", "view"))
    assert _changed(slices=slices).slices == slices


@pytest.mark.parametrize("key", ["modalities", "views"])
def test_codes_in_lower_case_are_refused_with_the_mend(key: str) -> None:
    with pytest.raises(ValidationError, match="ap, Ll would match no image, DICOM writes upper case: write AP, LL"):
        _changed(**{key: ["ap", "PA", "Ll"]})


def _findings(*names: str) -> dict[str, Any]:
    gates = [{"name": "x", "metric": "auroc", "min": 0.5}]
    return {"labels": {"type": "multi_label", "names": names, "no_finding": None}, "gates": gates}


@pytest.mark.parametrize("column", MANIFEST_COLUMNS)
def test_a_finding_called_like_a_manifest_column_is_refused(column: str) -> None:
    with pytest.raises(ValidationError, match=f"and {column} mean something else there; rename the finding"):
        _changed(**_findings("Effusion", column))


def test_a_single_label_called_like_a_manifest_column_is_fine() -> None:
    names = ("normal", "nodule", "cavity", "site")
    assert _changed(labels={"names": names}).labels.names == names


@pytest.mark.parametrize(
    "augmentation",
    [{"horizontal_flip": True}, *({name: 0.1} for name in AUGMENTATION_OFF)],
    ids=lambda each: next(iter(each)),
)
def test_standardized_images_are_not_augmented(augmentation: dict[str, Any]) -> None:
    image = {"normalization": "standardized"}
    said = "augmentation works on 0..1 images; switch it off or use normalization: unit"
    with pytest.raises(ValidationError, match=re.escape(said)):
        _changed(image=image, training={"augmentation": augmentation})
    off = {"horizontal_flip": False, **AUGMENTATION_OFF}
    assert _changed(image=image, training={"augmentation": off}).image.normalization == "standardized"


@pytest.mark.parametrize("how", ["mean", "max"])
def test_a_study_may_be_scored_by_the_mean_or_the_highest_of_its_images(how: str) -> None:
    task = _changed(unit="study", study_score=how)
    assert (task.unit, task.study_score) == ("study", how)
    assert Task.model_validate(task.model_dump()) == task


def test_how_a_study_is_scored_means_nothing_where_images_are() -> None:
    with pytest.raises(ValidationError, match="study_score: max means nothing with unit: image; remove it, or use"):
        _changed(study_score="max")
    assert _changed(unit="study").study_score == _changed(study_score="mean").study_score == "mean"


def test_the_highest_of_labels_that_exclude_each_other_needs_a_label_to_hold_them_against() -> None:
    without = {"no_finding": None}
    with pytest.raises(ValidationError, match="which this task has not: name it under labels, or use study_score"):
        _changed(unit="study", study_score="max", labels=without)
    assert _changed(unit="study", labels=without).labels.no_finding is None
    assert _changed(unit="study", study_score="max", **_findings("Effusion")).study_score == "max"


def test_the_unit_decides_nothing_about_records_and_graph() -> None:
    task, studies = _changed(), _changed(unit="study", study_score="max")
    assert records_json(studies) == records_json(task)
    assert transform_json(studies) == transform_json(task)
    assert task_to_json(studies) != task_to_json(task)


def test_consent_is_required_or_waived_with_a_reason() -> None:
    value = load_task("synthetic_chest").model_dump()
    assert Task.model_validate(value | {"consent": "required"}).consent == "required"
    assert Task.model_validate(value | {"consent": {"waived": "public data"}}).consent == Waived(waived="public data")
    for wrong in ("waived", "no", {"waived": " "}, {"waived": "x", "by": "y"}, {}, None, True):
        with pytest.raises(ValidationError, match="write `consent: required`"):
            Task.model_validate(value | {"consent": wrong})
    del value["consent"]
    with pytest.raises(ValidationError, match="consent"):
        Task.model_validate(value)
