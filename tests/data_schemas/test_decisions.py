"""What a task may declare of decisions, and what it is told where that makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from data_schemas.decisions import OperatingPoint
from data_schemas.task import Task
from data_schemas.task_file import records_json, task_from_json, task_to_json, transform_json
from tests.models.tasks import demo_task, multi_label_task


def test_a_finding_has_its_own_operating_point_or_that_of_all() -> None:
    own = {"cavity": {"rule": "sensitivity", "value": 0.95}}
    decisions = demo_task(decisions={"operating_point": {"rule": "cost", "false_negative_cost": 5}, "findings": own})
    assert decisions.decisions.point_of("cavity") == OperatingPoint(rule="sensitivity", value=0.95)
    assert decisions.decisions.point_of("nodule").false_negative_cost == 5


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"rule": "sensitivity"}, "needs `value`"),
        ({"rule": "youden", "value": 0.8}, "value means nothing with rule: youden"),
        ({"rule": "specificity", "value": 0.9, "false_positive_cost": 2}, "false_positive_cost means nothing"),
        ({"rule": "specificity", "value": 1.0}, "less than 1"),
        ({"rule": "cost", "false_negative_cost": 0}, "greater than 0"),
    ],
)
def test_a_rule_with_keys_that_are_not_its_own_is_refused(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        OperatingPoint.model_validate(rule)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decisions": {"findings": {"mass": {}}}}, "'mass' is not one of nodule, cavity"),
        ({"decisions": {"findings": {"normal": {}}}}, "'normal' is not one of nodule, cavity"),
        ({"decisions": {"age_range": (60, 18)}}, "youngest and the oldest"),
        ({"decisions": {"coverage": 1.0}}, "less than 1"),
        ({"deployment_prevalence": {"mass": 0.1}}, "'mass' is not one of normal, nodule, cavity"),
        ({"deployment_prevalence": {"nodule": 0.1}}, "lacks normal, cavity: declare all labels' but one"),
        ({"deployment_prevalence": {"nodule": 0.6, "cavity": 0.5}}, "sums to 1.1"),
        ({"deployment_prevalence": {"normal": 0.5, "nodule": 0.1, "cavity": 0.1}}, "sums to 0.7"),
        ({"deployment_prevalence": {"nodule": 0.0, "cavity": 0.5}}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        demo_task(**changes)


def test_every_findings_prevalence_is_declared_or_none() -> None:
    with pytest.raises(ValidationError, match="lacks b: declare every finding's"):
        multi_label_task(deployment_prevalence={"a": 0.1})
    # Findings do not exclude each other: their shares may sum to more than 1.
    assert multi_label_task(deployment_prevalence={"a": 0.7, "b": 0.6}).deployment_prevalence["b"] == 0.6


def test_decisions_survive_json_and_decide_nothing_about_records_or_their_graph() -> None:
    declared: dict[str, Any] = {
        "decisions": {"findings": {"nodule": {"rule": "specificity", "value": 0.9}}, "age_range": (1, 5)},
        "deployment_prevalence": {"nodule": 0.1, "cavity": 0.05},
    }
    plain, task = demo_task(), demo_task(**declared)
    assert task_from_json(task_to_json(task)) == task == Task.model_validate(task.model_dump())
    assert transform_json(task) == transform_json(plain)
    assert records_json(task) == records_json(plain)
