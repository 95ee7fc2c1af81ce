"""What a gate may say, and what is refused with a hint."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from data_schemas.gates import Gate
from tests.models.tasks import demo_task


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ({}, "has no bound; give min, max, both, or max_drop alone"),
        ({"min": 0.5, "max_drop": 0.1}, "has min and max_drop"),
        ({"max_drop": 0.1, "slice": {"sex": "F"}}, "max_drop is overall; remove `slice`"),
        ({"metric": "calibration_slope", "max_drop": 0.1}, "it has no drop; use min and max"),
        ({"min": 1.1}, "min is 1.1; auroc lies in 0..1"),
        ({"metric": "mcc", "min": -1.1}, "min is -1.1; mcc lies in -1..1"),
        ({"metric": "log_loss", "max": -0.1}, "log_loss lies in 0 and above"),
        ({"min": 0.9, "max": 0.8}, "min 0.9 is not below max 0.8"),
        ({"metric": "underdiagnosis_rate", "max": 0.1}, "add `gap: ATTRIBUTE`"),
        ({"gap": "sex", "metric": "f1", "max": 0.1, "undecided": "report"}, "gap of f1 is not judged; use one of sens"),
        ({"gap": "sex", "min": 0.1, "undecided": "report"}, "a gap has a `max`"),
        ({"gap": "sex", "max": 0.1}, "a fairness gate must say what happens while a group has too few patients"),
        (
            {"gap": "sex", "metric": "underdiagnosis_rate", "finding": "nodule", "max": 0.1, "undecided": "report"},
            "underdiagnosis_rate is of the whole task; remove `finding`",
        ),
        ({"min": 0.5, "min_patients": 1}, "greater than or equal to 2"),
        ({"metric": "luck", "min": 0.5}, "'auroc', 'average_precision'"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused_with_a_hint(gate: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(said)):
        Gate.model_validate({"name": "g", "metric": "auroc", **gate})


@pytest.mark.parametrize(
    "gate",
    [
        {"min": 0.5},
        {"metric": "calibration_slope", "min": 0.7, "max": 1.4},
        {"metric": "positive_likelihood_ratio", "min": 5},
        {"gap": "sex", "max": 0.1, "undecided": "refuse"},
        {"gap": "sex", "max": 0.1, "not_assessable": "no sex"},
        {"gap": "sex", "metric": "calibration_in_the_large", "max": 0.1, "undecided": "report"},
        {"metric": "brier", "max_drop": 0.02},
    ],
)
def test_a_gate_that_makes_sense_is_taken(gate: dict[str, Any]) -> None:
    assert Gate.model_validate({"name": "g", "metric": "auroc", **gate}).name == "g"


def test_a_gate_that_says_nothing_refuses_while_undecided() -> None:
    assert Gate(name="g", metric="auroc", min=0.5).when_undecided == "refuse"


def test_all_that_is_wrong_with_a_gate_is_said_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        Gate.model_validate({"name": "g", "metric": "f1", "gap": "sex", "min": 1.5})
    for said in ("min is 1.5", "gap of f1 is not judged", "a gap has a `max`", "a fairness gate must say"):
        assert said in str(caught.value)


def test_a_gap_by_what_is_no_slice_is_refused() -> None:
    gate = {"name": "g", "metric": "auroc", "gap": "site", "max": 0.1, "undecided": "report"}
    with pytest.raises(ValidationError, match="gap by site is not one of the task's `slices`"):
        demo_task(gates=[gate])
