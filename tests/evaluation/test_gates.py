"""Gates: each bound met, met exactly, missed and undefined."""

from __future__ import annotations

import dataclasses
import json

import pytest

from data_schemas.task import METRICS, Gate, Labels
from evaluation.gates import Champion, Comparison, GateResult, judge_gates, missed_text
from evaluation.intervals import Estimate
from evaluation.summary import Summary

LABELS = Labels(type="multi_label", names=("mass",))
NOBODY = Champion(Comparison.NO_CHAMPION)


def _summary(auroc: float | None) -> Summary:
    metrics = dict.fromkeys(METRICS, Estimate(0.5)) | {"auroc": Estimate(auroc)}
    return Summary(10, 10, {f"macro_{name}": value for name, value in metrics.items()}, {"mass": metrics})


def _judge(gate: dict, auroc: float | None, *, champion: Champion = NOBODY, women: float | None = None) -> GateResult:
    summaries = {(): _summary(auroc)} | ({} if women is None else {(("sex", "F"), ("view", "PA")): _summary(women)})
    whole = Gate.model_validate({"name": "g", "metric": "auroc", **gate})
    return judge_gates([whole], LABELS, summaries=summaries, champion=champion)[0]


@pytest.mark.parametrize(
    ("gate", "auroc", "passed"),
    [
        ({"finding": "mass", "min": 0.85}, 0.86, True),
        ({"finding": "mass", "min": 0.85}, 0.85, True),
        ({"finding": "mass", "min": 0.85}, 0.849, False),
        ({"min": 0.85}, 0.86, True),
        ({"max": 0.85}, 0.85, True),
        ({"max": 0.85}, 0.86, False),
        ({"min": 0.0}, None, False),
    ],
)
def test_a_bound_is_inclusive_and_an_undefined_value_misses_it(gate: dict, auroc: float | None, passed: bool) -> None:
    assert _judge(gate, auroc).passed is passed


def test_a_missed_gate_says_by_how_much() -> None:
    result = _judge({"finding": "mass", "min": 0.85}, 0.812)
    assert result.reason == "auroc of mass is 0.812, at least 0.850 was asked: missed by 0.038"
    assert missed_text([result]) == f"gate 'g' was missed: {result.reason}"
    assert missed_text([_judge({"min": 0.1}, 0.5)]) == ""


def test_a_slice_is_judged_on_its_own_cases_whatever_the_order_of_its_features() -> None:
    gate = {"slice": {"view": "PA", "sex": "F"}, "min": 0.8}
    result = _judge(gate, 0.9, women=0.7)
    assert (result.value, result.passed) == (0.7, False)
    assert "where view is PA and sex is F" in result.reason


def test_a_slice_without_cases_misses_its_gate() -> None:
    result = _judge({"slice": {"sex": "O"}, "min": 0.1}, 0.9)
    assert (result.value, result.passed) == (None, False) and "no such case" in result.reason


@pytest.mark.parametrize(("auroc", "passed"), [(0.85, True), (0.8499, False), (0.95, True)])
def test_a_drop_is_measured_from_the_champion(auroc: float, passed: bool) -> None:
    champion = Champion(Comparison.COMPARED, summary=_summary(0.9))
    result = _judge({"max_drop": 0.05}, auroc, champion=champion)
    assert (result.passed, result.bound) == (passed, pytest.approx(0.85))
    assert "the champion's is 0.900" in result.reason


def test_no_champion_is_said() -> None:
    result = _judge({"max_drop": 0.05}, 0.9)
    assert (result.passed, result.bound, result.reason) == (True, None, "no champion: not compared")


def test_a_refused_champion_misses_change_gates_alone() -> None:
    refused = Champion(Comparison.REFUSED, "it trained on 2 of today's test patients")
    result = _judge({"max_drop": 0.05}, 0.9, champion=refused)
    assert not result.passed and result.reason == "not compared: it trained on 2 of today's test patients"
    assert _judge({"min": 0.8}, 0.9, champion=refused).passed


def test_an_undefined_champion_value_misses_the_gate() -> None:
    assert not _judge({"max_drop": 0.05}, 0.9, champion=Champion(Comparison.COMPARED, summary=_summary(None))).passed


def test_json_holds_what_reports_need_and_reads_back() -> None:
    result = _judge({"finding": "mass", "min": 0.85}, 0.9)
    value = json.loads(json.dumps(result.to_json()))
    assert {"name", "metric", "finding", "slice", "bound", "value", "passed"} <= set(value)
    assert GateResult(**value) == result and dataclasses.is_dataclass(result)
