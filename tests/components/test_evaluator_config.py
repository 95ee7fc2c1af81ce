"""The EvalConfig: a threshold for each gate, TFMA's own checks satisfied, and the component's interface."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto.config_pb2 import EvalConfig
from tfx.types import channel, standard_artifacts

from components.evaluator.component import Evaluator
from components.evaluator.config import eval_config
from components.evaluator.judgement import Judgement, refusal
from components.evaluator.metrics import CaseMetric
from data_schemas.description import Calibration, ModelDescription
from data_schemas.metrics import METRICS
from data_schemas.task import Task
from data_schemas.task_file import load_task, task_to_json
from evaluation.summary import task_metrics

POINTS = {"nodule": 0.3, "cavity": 0.4}


@pytest.fixture(scope="module")
def task() -> Task:
    """The demo's."""
    return load_task("synthetic_chest")


def _judgement(task: Task, *names: str) -> Judgement:
    description = ModelDescription(
        task=task,
        operating_points=POINTS,
        prevalence=dict.fromkeys(task.labels.names, 0.3),
        calibration=Calibration.identity(len(task.labels.names)),
        radflow_version="0",
    )
    return Judgement(
        task=task_to_json(task),
        descriptions=dict.fromkeys(names or ("",), description.model_dump_json()),
        comparison="no champion",
        reason="",
        records=10,
        looks=0,
    )


def _thresholds(config: EvalConfig) -> set[str]:
    found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    return {key.name for key in found}


def test_every_gate_is_a_threshold_and_so_are_looks_where_they_are_bounded(task: Task) -> None:
    config = eval_config(_judgement(task))
    gates = {refusal(gate.name) for gate in task.gates}
    assert _thresholds(config) == gates
    tfma.utils.verify_eval_config(config)
    bounded = task.model_copy(update={"max_looks": 3})
    assert _thresholds(eval_config(_judgement(bounded))) == gates | {"refuses: looks at the test split"}


def test_the_champion_is_the_baseline_and_the_candidate_alone_is_judged(task: Task) -> None:
    config = eval_config(_judgement(task, "candidate", "baseline"))
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("baseline", True)]
    assert list(config.metrics_specs[0].model_names) == ["candidate"]


def test_slices_are_overall_and_the_tasks(task: Task) -> None:
    slices = [list(spec.feature_keys) for spec in eval_config(_judgement(task)).slicing_specs]
    assert slices == [[], ["sex"], ["age_group"], ["manufacturer"], ["view"], ["sex", "age_group"]]


def test_a_manifest_column_is_sliced_by_the_examples_feature(task: Task) -> None:
    gates = task.gates[:1]
    wide = task.model_copy(update={"slices": (("clinic",),), "gates": gates})
    assert list(eval_config(_judgement(wide)).slicing_specs[1].feature_keys) == ["column_clinic"]


def test_every_metric_of_every_finding_is_made(task: Task) -> None:
    config = eval_config(_judgement(task))
    (asked,) = [spec for spec in config.metrics_specs if spec.metrics[0].class_name == "CaseMetric"]
    metric = CaseMetric(**json.loads(asked.metrics[0].config))
    (computation,) = metric.computations(eval_config=config, model_names=[""])
    found = {(key.name, key.sub_key.class_id if key.sub_key else None) for key in computation.keys}
    assert {(name, index) for name in METRICS for index in (1, 2)} < found
    assert {(name, None) for name in task_metrics(task.labels)} < found


def test_the_component_judges_the_test_split_and_takes_the_champion_as_baseline(task: Task) -> None:
    examples, model, champion = (
        channel.Channel(type=kind)
        for kind in (standard_artifacts.Examples, standard_artifacts.Model, standard_artifacts.Model)
    )
    evaluator = Evaluator(
        examples, model, champion=champion, task=task_to_json(task), looks_ledger=Path("looks"), code_digest="abc"
    )
    assert set(evaluator.outputs) == {"evaluation", "blessing"}
    assert evaluator.inputs["baseline_model"] is champion
    assert evaluator.exec_properties["example_splits"] == '["test"]'
    assert evaluator.exec_properties["code_digest"] == "abc"
