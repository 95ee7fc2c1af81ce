"""The EvalConfig: thresholds where the gates are, TFMA's own checks satisfied, and the component's interface."""

from __future__ import annotations

import pytest
import tensorflow_model_analysis as tfma
from tfx.types import channel, standard_artifacts

from components.evaluator.component import Evaluator
from components.evaluator.config import eval_config
from data_schemas.task import METRICS, Task
from data_schemas.task_file import load_task, task_to_json

POINTS = {"nodule": 0.3, "cavity": 0.4}


@pytest.fixture(scope="module")
def task() -> Task:
    """Gates: AUROC of nodule and of cavity at least .85, balanced accuracy at most .05 below the champion."""
    return load_task("synthetic_chest")


def _thresholds(config: tfma.EvalConfig) -> set[tuple[str, int | None]]:
    found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    return {(key.name, key.sub_key.class_id if key.sub_key else None) for key in found}


def test_a_gate_is_a_threshold_of_its_own_finding_alone(task: Task) -> None:
    config = eval_config(task, operating_points=POINTS)
    assert _thresholds(config) == {("auroc", 1), ("auroc", 2)}
    tfma.utils.verify_eval_config(config)


def test_change_thresholds_need_a_champion(task: Task) -> None:
    config = eval_config(task, operating_points=POINTS, champion_points=POINTS)
    assert ("balanced_accuracy", None) in _thresholds(config)
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("baseline", True)]


def test_slices_are_overall_and_the_tasks(task: Task) -> None:
    slices = [list(spec.feature_keys) for spec in eval_config(task, operating_points=POINTS).slicing_specs]
    assert slices == [[], ["sex"], ["age_group"], ["manufacturer"], ["view"], ["sex", "age_group"]]


def test_a_manifest_column_is_sliced_by_the_examples_feature(task: Task) -> None:
    wide = task.model_copy(update={"slices": (("clinic",),)})
    assert list(eval_config(wide, operating_points=POINTS).slicing_specs[1].feature_keys) == ["column_clinic"]


def test_every_metric_of_every_finding_is_asked_for(task: Task) -> None:
    config = eval_config(task, operating_points=POINTS)
    asked = [spec for spec in config.metrics_specs if spec.metrics[0].class_name == "CaseMetric"]
    assert len(asked) == 3
    assert [list(spec.binarize.class_ids.values) for spec in asked[1:]] == [[1], [2]]
    assert all(len(spec.metrics) == len(METRICS) for spec in asked[1:])


def test_the_component_judges_the_test_split_and_takes_the_champion_as_baseline(task: Task) -> None:
    examples, model, champion = (
        channel.Channel(type=kind)
        for kind in (standard_artifacts.Examples, standard_artifacts.Model, standard_artifacts.Model)
    )
    evaluator = Evaluator(examples, model, champion=champion, task=task_to_json(task), code_digest="abc")
    assert set(evaluator.outputs) == {"evaluation", "blessing"}
    assert evaluator.inputs["baseline_model"] is champion
    assert evaluator.exec_properties["example_splits"] == '["test"]'
    assert evaluator.exec_properties["code_digest"] == "abc"
