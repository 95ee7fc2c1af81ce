"""Models with a planted fault are refused by a shipped task's gates, each for its own reason; a good one passes.

Patients that straddle splits never get so far: DataCheck stops them (`tests/components/test_data_check_images.py`).
"""

from __future__ import annotations

import numpy as np
import pytest

from data_schemas.task_file import load_task
from evaluation.differences import Judged
from evaluation.evaluation import evaluate
from evaluation.gate_results import Champion, Comparison, GateResult
from evaluation.gates import judge_gates
from evaluation.summary import Cases

TASK = load_task("chest_xray_abnormal")
_POINT = {"abnormal": 0.5}


def _cases(patients: int = 600, *, seed: int = 0) -> Cases:
    """Returns a good model's cases: two films a patient, probabilities that are right, AUROC about .95."""
    generator = np.random.default_rng(seed)
    ill = np.repeat(generator.uniform(size=patients) < 0.5, 2)
    separation = 2.4
    evidence = generator.normal(size=ill.size) + separation * (ill - 0.5)
    score = 1 / (1 + np.exp(-separation * evidence))
    groups = {
        "sex": np.repeat(generator.choice(["F", "M"], patients), 2),
        "age_group": np.repeat(generator.choice(["18-39", "40-64"], patients), 2),
        "view": np.repeat(generator.choice(["PA", "AP"], patients), 2),
    }
    whose = np.repeat(np.arange(patients), 2)
    return Cases(whose, ill.astype(np.int64), np.stack([1 - score, score], axis=1), groups=groups)


def _with_scores(cases: Cases, score: np.ndarray) -> Cases:
    return cases.with_scores(np.stack([1 - score, score], axis=1))


def _judge(cases: Cases) -> dict[str, GateResult]:
    evaluation = evaluate(Judged(cases, _POINT), TASK.labels, slices=TASK.slices, draws=300)
    return {result.name: result for result in judge_gates(TASK, evaluation, Champion(Comparison.NO_CHAMPION))}


def _refusing(found: dict[str, GateResult]) -> dict[str, str]:
    return {name: result.verdict for name, result in found.items() if not result.passed}


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_a_good_model_passes(seed: int) -> None:
    assert _refusing(_judge(_cases(seed=seed))) == {}


def test_a_model_that_is_blind_to_one_sex_is_refused_for_the_gap() -> None:
    cases = _cases()
    blind = (cases.groups["sex"] == "F") & (np.random.default_rng(1).uniform(size=len(cases.labels)) < 0.3)
    found = _judge(_with_scores(cases, np.where(blind, 0.2, cases.scores[:, 1])))
    gap = found["sex gap in sensitivity"]
    assert gap.verdict == "unmet" and "the worst group is F" in gap.reason
    assert found["AUROC"].passed  # the average alone would have let it through


def test_a_lucky_small_test_set_is_refused_because_it_decides_nothing() -> None:
    cases = _cases(20)
    perfect = _with_scores(cases, np.where(cases.labels == 1, 0.99, 0.01))
    found = _judge(perfect)
    assert found["AUROC"].value == 1.0
    assert _refusing(found) == dict.fromkeys(("AUROC", "balanced accuracy", "calibration error"), "undecided")


def test_a_miscalibrated_model_is_refused_for_its_calibration_alone() -> None:
    cases = _cases()
    odds = (cases.scores[:, 1] / cases.scores[:, 0]) ** 0.2  # the same order and flags, far too little conviction
    assert _refusing(_judge(_with_scores(cases, odds / (1 + odds)))) == {"calibration error": "unmet"}


def test_a_model_of_permuted_labels_is_refused_as_unmet_and_not_as_undecided() -> None:
    cases = _cases()
    permuted = np.random.default_rng(2).permutation(cases.scores[:, 1])
    found = _judge(_with_scores(cases, permuted))
    assert found["AUROC"].verdict == "unmet" and "more patients would not help" in found["AUROC"].reason


def test_tasks_of_real_films_differ_in_what_is_not_assessable_alone() -> None:
    stripped = [
        [gate.model_copy(update={"not_assessable": None}) for gate in load_task(name).gates]
        for name in ("chest_xray_pneumonia", "chest_xray_abnormal")
    ]
    assert stripped[0] == stripped[1]
    assert [gate.name for gate in load_task("chest_xray_pneumonia").gates if gate.not_assessable] == [
        "sex gap in sensitivity"
    ]
