"""Gates: met, unmet, undecided and not assessable, each for the right reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_schemas.metrics import METRICS
from data_schemas.task import Task
from evaluation.evaluation import Evaluation
from evaluation.fairness import Fairness, Gap
from evaluation.gate_results import Champion, Comparison, GateResult, missed_text
from evaluation.gates import judge_gates
from evaluation.intervals import Estimate
from evaluation.summary import Summary
from tests.models.tasks import demo_task

NOBODY = Champion(Comparison.NO_CHAMPION)


def _task(gate: dict[str, Any], **keys: Any) -> Task:
    return demo_task(
        labels={"type": "multi_label", "names": ["mass"], "no_finding": None},
        slices=[["sex"], ["sex", "view"]],
        gates=[{"name": "g", "metric": "auroc", **gate}],
        **keys,
    )


def _summary(estimate: Estimate, *, metric: str = "auroc", positives: int = 50, negatives: int = 50) -> Summary:
    metrics = dict.fromkeys(METRICS, Estimate(0.5, 0.4, 0.6, 50)) | {metric: estimate}
    whole = {f"macro_{name}": value for name, value in metrics.items()}
    return Summary(100, 100, whole, {"mass": metrics}, {"mass": positives}, {"mass": negatives})


def _gap(
    value: float, upper: float, *, groups: dict[str, tuple[float, int]], metric: str = "false_negative_rate"
) -> Gap:
    estimates = {name: Estimate(rate, rate, rate, count) for name, (rate, count) in groups.items()}
    return Gap("sex", "mass", metric, Estimate(value, 0.0, upper, 50), estimates, "F", 0.01)


def _judge(gate: dict[str, Any], summary: Summary, *, champion: Champion = NOBODY, **parts: Any) -> GateResult:
    (result,) = judge_gates(_task(gate), Evaluation("image", summary, **parts), champion)
    return result


@pytest.mark.parametrize(
    ("gate", "limits", "verdict"),
    [
        ({"min": 0.85}, (0.86, 0.95), "met"),
        ({"min": 0.85}, (0.85, 0.95), "met"),
        ({"min": 0.85}, (0.849, 0.95), "unmet"),
        ({"max": 0.95}, (0.1, 0.95), "met"),
        ({"max": 0.95}, (0.1, 0.951), "unmet"),
        ({"min": 0.7, "max": 1.0}, (0.7, 1.0), "met"),
        ({"min": 0.7, "max": 0.94}, (0.8, 0.95), "unmet"),
        ({"min": 0.7, "max": 0.94}, (0.69, 0.93), "unmet"),
    ],
)
@pytest.mark.parametrize("finding", [None, "mass"])
def test_the_end_of_the_interval_is_held_against_the_bound(
    gate: dict[str, Any], limits: tuple[float, float], verdict: str, finding: str | None
) -> None:
    result = _judge({**gate, "finding": finding}, _summary(Estimate(0.9, *limits, 50)))
    assert (result.verdict, result.passed) == (verdict, verdict == "met")


def test_an_unmet_gate_says_what_where_by_how_much_and_how_many_patients_would_settle_it() -> None:
    # The value is .9, .05 above the bound; its limit is .1 below it: half the width takes four times the patients.
    result = _judge({"finding": "mass", "min": 0.85}, _summary(Estimate(0.9, 0.8, 0.95, 50)))
    assert result.more_patients == 150
    assert result.reason == (
        "AUROC of mass is 0.900; its lower 95 % limit 0.800, at least 0.850 was asked: missed by 0.050; "
        "about 150 more patients in the test split would settle it, if the value stays"
    )
    assert missed_text([result]) == f"gate 'g' is unmet: {result.reason}"
    assert missed_text([_judge({"min": 0.1}, _summary(Estimate(0.5, 0.4, 0.6, 50)))]) == ""


def test_a_value_that_misses_the_bound_itself_is_not_mended_by_patients() -> None:
    result = _judge({"min": 0.85}, _summary(Estimate(0.8, 0.7, 0.9, 50)))
    assert result.more_patients is None and "more patients would not help" in result.reason


@pytest.mark.parametrize(
    ("metric", "positives", "negatives", "verdict"),
    [
        ("auroc", 30, 30, "met"),
        ("auroc", 29, 300, "undecided"),
        ("auroc", 300, 29, "undecided"),
        ("sensitivity", 30, 5, "met"),
        ("sensitivity", 29, 500, "undecided"),
        ("specificity", 5, 30, "met"),
        ("specificity", 500, 29, "undecided"),
    ],
)
def test_too_few_patients_leave_a_gate_undecided(metric: str, positives: int, negatives: int, verdict: str) -> None:
    summary = _summary(Estimate(0.99, 0.98, 1.0, 30), metric=metric, positives=positives, negatives=negatives)
    refusing = _judge({"metric": metric, "min": 0.5}, summary)
    reporting = _judge({"metric": metric, "min": 0.5, "undecided": "report"}, summary)
    assert (refusing.verdict, refusing.passed) == (verdict, verdict == "met")
    assert (reporting.verdict, reporting.passed) == (verdict, True)
    if verdict == "undecided":
        assert f"{min(positives, negatives)} patients" in refusing.reason and "at least 30" in refusing.reason


def test_a_lucky_small_test_set_is_refused() -> None:
    summary = _summary(Estimate(1.0, 0.69, 1.0, 10), positives=10, negatives=10)
    result = _judge({"min": 0.6}, summary)
    assert (result.verdict, result.passed) == ("undecided", False)


def test_what_cannot_be_told_is_undecided() -> None:
    note = "not defined: the cases are perfectly separated"
    summary = _summary(Estimate(None, patients=100, note=note), metric="calibration_slope")
    result = _judge({"metric": "calibration_slope", "min": 0.7, "max": 1.4}, summary)
    assert (result.verdict, result.passed) == ("undecided", False) and note in result.reason


def test_a_slice_is_judged_on_its_own_cases_whatever_the_order_of_its_features() -> None:
    women = {(("sex", "F"), ("view", "PA")): _summary(Estimate(0.7, 0.6, 0.8, 50))}
    gate = {"slice": {"view": "PA", "sex": "F"}, "min": 0.65}
    result = _judge(gate, _summary(Estimate(0.9, 0.8, 1.0, 50)), slices=women)
    assert (result.value, result.verdict) == (0.7, "unmet")
    assert "where view is PA and sex is F" in result.reason


def test_a_slice_without_cases_is_undecided() -> None:
    result = _judge({"slice": {"sex": "O"}, "min": 0.1}, _summary(Estimate(0.9, 0.8, 1.0, 50)))
    assert (result.value, result.verdict, result.passed) == (None, "undecided", False)
    assert "no such case" in result.reason


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(Estimate(0.0, -0.05, 0.05, 50), "met"), (Estimate(0.0, -0.051, 0.05, 50), "unmet")],
)
def test_a_drop_is_held_against_the_paired_difference(difference: Estimate, verdict: str) -> None:
    served = _summary(Estimate(0.9, 0.8, 1.0, 50))
    task, compared = _task({"max_drop": 0.05, "finding": "mass"}), Champion(Comparison.COMPARED)
    differences = {("mass", "auroc"): difference}
    (result,) = judge_gates(task, Evaluation("image", served, champion=served, differences=differences), compared)
    assert result.verdict == verdict and "the champion's is 0.900" in result.reason


@pytest.mark.parametrize(
    ("value", "difference", "verdict"),
    [
        (0.9, Estimate(0.0, 0.0, 0.0, 50, "the same scores"), "met"),
        (1.0, Estimate(0.0, -0.07, 0.07, 50, "all draws of patients agree; 50 patients do not exclude it"), "met"),
        (0.9, Estimate(0.0, -0.07, 0.07, 50, "all draws of patients agree; 50 patients do not exclude it"), "unmet"),
    ],
)
def test_a_candidate_equal_to_the_champion_misses_no_drop_where_nothing_differs_or_nothing_is_better(
    value: float, difference: Estimate, verdict: str
) -> None:
    """That so few patients leave more open holds of every candidate; no gate asks for what none could show."""
    served = _summary(Estimate(value, 0.8, 1.0, 50))
    task, compared = _task({"max_drop": 0.01, "finding": "mass"}), Champion(Comparison.COMPARED)
    differences = {("mass", "auroc"): difference}
    (result,) = judge_gates(task, Evaluation("image", served, champion=served, differences=differences), compared)
    assert (result.verdict, result.passed) == (verdict, verdict == "met")
    assert f"(the champion's is {value:.3f}; {difference.note})" in result.reason
    if value == 1.0:
        assert "has the best value that there is" in result.reason


def test_the_best_error_is_the_lowest() -> None:
    served = _summary(Estimate(0.0, 0.0, 0.1, 50), metric="brier")
    agreed = {("mass", "brier"): Estimate(0.0, -0.07, 0.07, 50, "all draws of patients agree")}
    gate = _task({"metric": "brier", "max_drop": 0.05, "finding": "mass"})
    compared = Champion(Comparison.COMPARED)
    (result,) = judge_gates(gate, Evaluation("image", served, champion=served, differences=agreed), compared)
    assert result.verdict == "met"


def test_of_an_error_a_rise_is_the_drop() -> None:
    served = _summary(Estimate(0.1, 0.05, 0.2, 50), metric="brier")
    worse = {("mass", "brier"): Estimate(0.04, 0.0, 0.06, 50)}
    gate = _task({"metric": "brier", "max_drop": 0.05, "finding": "mass"})
    compared = Champion(Comparison.COMPARED)
    (result,) = judge_gates(gate, Evaluation("image", served, champion=served, differences=worse), compared)
    assert (result.verdict, result.judged) == ("unmet", 0.06)


def test_without_a_champion_nothing_is_compared_and_a_refused_one_misses_change_gates() -> None:
    summary = _summary(Estimate(0.9, 0.8, 1.0, 50))
    first = _judge({"max_drop": 0.05}, summary)
    assert (first.verdict, first.passed) == ("not_compared", True)
    refused = Champion(Comparison.REFUSED, "it trained on 2 of today's test patients")
    result = _judge({"max_drop": 0.05}, summary, champion=refused)
    assert not result.passed and "it trained on 2" in result.reason
    assert _judge({"min": 0.5}, summary, champion=refused).passed


_GAP_GATE = {"metric": "sensitivity", "gap": "sex", "max": 0.1, "undecided": "report"}


@pytest.mark.parametrize(
    ("groups", "upper", "verdict"),
    [
        ({"F": (0.1, 40), "M": (0.1, 40)}, 0.09, "met"),
        ({"F": (0.15, 40), "M": (0.1, 40)}, 0.2, "unmet"),
        ({"F": (0.15, 29), "M": (0.1, 40)}, 0.05, "undecided"),
        ({"F": (0.5, 40), "M": (0.1, 40), "O": (0.2, 12)}, 0.6, "unmet"),
        ({"F": (0.1, 40), "M": (0.1, 40), "O": (0.2, 12)}, 0.05, "undecided"),
    ],
)
def test_a_gap_is_judged_by_its_upper_bound_among_groups_that_are_large_enough(
    groups: dict[str, tuple[float, int]], upper: float, verdict: str
) -> None:
    rates = [rate for rate, _ in groups.values()]
    fairness = Fairness((_gap(max(rates) - min(rates), upper, groups=groups),))
    result = _judge(_GAP_GATE, _summary(Estimate(0.9, 0.8, 1.0, 50)), fairness=fairness)
    assert (result.verdict, result.passed) == (verdict, verdict != "unmet")
    if verdict == "unmet":
        assert "the worst group is F" in result.reason


def test_without_two_groups_a_gap_is_undecided_and_names_the_small_ones() -> None:
    fairness = Fairness((), {"sex": {"F": 3}})
    result = _judge(_GAP_GATE, _summary(Estimate(0.9, 0.8, 1.0, 50)), fairness=fairness)
    assert result.verdict == "undecided" and "F: 3 patients" in result.reason


def test_what_the_data_lacks_is_not_assessable_but_not_where_it_has_it() -> None:
    gate = {"metric": "sensitivity", "gap": "sex", "max": 0.1, "not_assessable": "the films carry no sex"}
    summary = _summary(Estimate(0.9, 0.8, 1.0, 50))
    lacking = _judge(gate, summary)
    assert (lacking.verdict, lacking.passed, lacking.reason) == ("not_assessable", True, "the films carry no sex")
    groups = {"F": (0.1, 40), "M": (0.1, 40)}
    having = _judge(gate, summary, fairness=Fairness((_gap(0.0, 0.01, groups=groups),)))
    assert (having.verdict, having.passed) == ("unmet", False) and "the data has the attribute" in having.reason


@pytest.mark.parametrize(("looks", "passed"), [(2, True), (3, False)])
def test_looks_at_the_test_split_can_refuse(looks: int, passed: bool) -> None:
    task = _task({"min": 0.1}, max_looks=3)
    results = judge_gates(task, Evaluation("image", _summary(Estimate(0.9, 0.8, 1.0, 50)), looks=looks), NOBODY)
    assert [result.passed for result in results] == [True, passed]
    assert f"look {looks + 1} at this test split" in results[1].reason


def test_results_read_back() -> None:
    result = _judge({"min": 0.7, "max": 0.94}, _summary(Estimate(0.9, 0.8, 0.95, 50)))
    assert GateResult.from_json(json.loads(json.dumps(result.to_json()))) == result
