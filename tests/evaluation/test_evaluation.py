"""The whole of an evaluation: slices, paired differences, reading back, and the declared prevalence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from data_schemas.description import Calibration, ModelDescription
from data_schemas.task import Labels
from evaluation.differences import Judged
from evaluation.evaluation import Evaluation, evaluate
from evaluation.judged import Records, judged_cases
from evaluation.summary import Cases
from tests.models.tasks import demo_task

LABELS = Labels(type="multi_class", names=("normal", "mass"), no_finding="normal")
POINT = {"mass": 0.5}


def _judged(noise: float, *, size: int = 400, seed: int = 0) -> Judged:
    """Returns a model whose scores have more or less noise on the same cases."""
    labels = np.random.default_rng(1).integers(0, 2, size)
    sexes = np.random.default_rng(2).choice(["F", "M"], size)
    logit = 2.0 * labels - 1 + noise * np.random.default_rng(seed).normal(size=size)
    score = 1 / (1 + np.exp(-logit))
    groups = {"sex": sexes, "site": np.where(np.arange(size) < 4, "tiny", "large")}
    return Judged(Cases(np.arange(size) // 2, labels, np.stack([1 - score, score], axis=1), groups=groups), POINT)


def test_slices_are_evaluations_of_their_cases_and_small_ones_say_nothing() -> None:
    judged = _judged(1.0)
    found = evaluate(judged, LABELS, slices=[("sex",), ("sex", "site")])
    women = judged.cases.groups["sex"] == "F"
    expected = sk.roc_auc_score(judged.cases.labels[women], judged.cases.scores[women, 1])
    assert found.slices[("sex", "F"),].value("mass", "auroc") == pytest.approx(expected)
    tiny = [one for key, one in found.slices.items() if ("site", "tiny") in key]
    assert tiny and all(estimate.value is None for one in tiny for estimate in one.findings["mass"].values())
    assert sum(one.examples for key, one in found.slices.items() if len(key) == 1) == 400


def test_a_paired_difference_is_narrower_than_two_models_apart_and_holds_the_truth() -> None:
    candidate, champion = _judged(1.0), _judged(1.0)
    nearly = champion.cases.scores.copy()
    nearly[:, 1] = np.clip(nearly[:, 1] + np.random.default_rng(5).normal(size=400) * 0.02, 0.001, 0.999)
    found = evaluate(candidate, LABELS, champion=Judged(champion.cases.with_scores(nearly), POINT))
    difference = found.differences["mass", "auroc"]
    apart = found.overall.findings["mass"]["auroc"]
    assert difference.upper - difference.lower < 0.5 * (apart.upper - apart.lower)
    assert difference.lower < difference.value < difference.upper
    assert difference.value == pytest.approx(apart.value - found.champion.value("mass", "auroc"))


def test_a_worse_model_is_told_apart() -> None:
    difference = evaluate(_judged(3.0), LABELS, champion=_judged(0.7)).differences["mass", "auroc"]
    assert difference.upper < 0


def test_it_reads_back() -> None:
    found = evaluate(_judged(1.0), LABELS, champion=_judged(1.2, seed=3), slices=[("sex",)], looks=2, draws=50)
    assert Evaluation.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_curves_are_scikit_learns() -> None:
    judged = _judged(1.0)
    curves = evaluate(judged, LABELS, draws=50).curves["mass"]
    truth, scores = judged.cases.labels, judged.cases.scores[:, 1]
    area = sk.auc(curves.roc["false_positive_rate"], curves.roc["sensitivity"])
    assert area == pytest.approx(sk.roc_auc_score(truth, scores), abs=2e-3)
    assert (curves.roc["sensitivity"][0], curves.roc["sensitivity"][-1]) == (0, 1)
    precision, recall, _ = sk.precision_recall_curve(truth, scores)
    ours = np.interp(0.5, curves.precision_recall["recall"], curves.precision_recall["precision"])
    assert ours == pytest.approx(np.interp(0.5, recall[::-1], precision[::-1]), abs=0.02)


def test_net_benefit_and_predictive_values_by_hand() -> None:
    # 10 cases, 4 have it; at .5 three are found and one is a false alarm.
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    score = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.3, 0.3, 0.2, 0.1, 0.1])
    cases = Cases(np.arange(10), labels, np.stack([1 - score, score], axis=1))
    curves = evaluate(Judged(cases, POINT), LABELS, draws=50).curves["mass"]
    at = curves.decision["threshold"].index(0.5)
    assert curves.decision["model"][at] == pytest.approx(3 / 10 - 1 / 10)
    assert curves.decision["everyone"][at] == pytest.approx(4 / 10 - 6 / 10)
    at = curves.prevalence["prevalence"].index(0.1)
    sensitivity, specificity = 3 / 4, 5 / 6
    assert curves.prevalence["ppv"][at] == pytest.approx(
        0.1 * sensitivity / (0.1 * sensitivity + 0.9 * (1 - specificity)), abs=1e-5
    )


def _records(labels: np.ndarray, scores: np.ndarray) -> Records:
    size = np.arange(len(labels))
    return Records(size, size, size, labels, scores, np.log(scores))


def _description(labels: dict, **keys: object) -> ModelDescription:
    names = labels["names"]
    return ModelDescription(
        task=demo_task(labels=labels, gates=[{"name": "g", "metric": "auroc", "min": 0}]),
        operating_points=dict.fromkeys(names, 0.5),
        prevalence=keys.pop("prevalence"),
        calibration=Calibration.identity(len(names)),
        radflow_version="0",
        **keys,
    )


def test_at_a_declared_prevalence_cases_weigh_what_makes_them_so_common() -> None:
    """Probabilities that are right where half have it stay right, carried to where a tenth has it."""
    generator = np.random.default_rng(0)
    logit = generator.normal(size=8000) * 2
    labels = (generator.uniform(size=8000) < 1 / (1 + np.exp(-logit))).astype(int)
    score = 1 / (1 + np.exp(-logit))
    description = _description(
        {"type": "multi_class", "names": ["normal", "mass"], "no_finding": "normal"},
        prevalence={"normal": 0.5, "mass": 0.5},
        deployment_prevalence={"normal": 0.9, "mass": 0.1},
    )
    cases = judged_cases(_records(labels, np.stack([1 - score, score], axis=1)), description)
    assert np.average(labels, weights=cases.weights[:, 1]) == pytest.approx(0.1)
    found = evaluate(Judged(cases, POINT), LABELS, draws=50).overall.findings["mass"]
    assert found["calibration_slope"].lower <= 1 <= found["calibration_slope"].upper
    assert found["calibration_intercept"].lower <= 0 <= found["calibration_intercept"].upper
    flagged = cases.scores[:, 1] >= 0.5
    sensitivity, alarms = flagged[labels == 1].mean(), flagged[labels == 0].mean()
    assert found["ppv"].value == pytest.approx(0.1 * sensitivity / (0.1 * sensitivity + 0.9 * alarms))
    assert found["ppv"].lower < found["ppv"].value < found["ppv"].upper


def test_of_several_findings_each_weighs_by_its_own_prevalence() -> None:
    labels = np.array([[1, 0], [1, -1], [0, 1], [0, 0]])
    description = _description(
        {"type": "multi_label", "names": ["mass", "effusion"], "no_finding": None},
        prevalence={"mass": 0.5, "effusion": 0.5},
        deployment_prevalence={"mass": 0.25, "effusion": 0.5},
    )
    cases = judged_cases(_records(labels, np.full((4, 2), 0.5)), description)
    assert cases.weights[:, 0].tolist() == [0.5, 0.5, 1.5, 1.5]
    assert cases.probabilities[:, 0] == pytest.approx(0.25)


def test_studies_are_judged_by_the_calibrated_mean_of_their_images_logits() -> None:
    labels = {"type": "multi_label", "names": ["mass"], "no_finding": None}
    description = _description(labels, prevalence={"mass": 0.5}).model_copy(
        update={"calibration": Calibration.identity(1).model_copy(update={"slopes": (2.0,), "intercepts": (0.5,)})}
    )
    task = description.task.model_copy(update={"unit": "study"})
    records = Records(
        patients=np.array(["a", "a", "b"]),
        studies=np.array(["s", "s", "t"]),
        ids=np.arange(3),
        labels=np.array([[0], [1], [0]]),
        scores=np.zeros((3, 1)),
        raw_scores=np.array([[1.0], [2.0], [-1.0]]),
        groups={"view": np.array(["PA", "LL", "PA"])},
    )
    cases = judged_cases(records, description.model_copy(update={"task": task}))
    assert cases.labels.tolist() == [[1], [0]] and cases.groups["view"].tolist() == ["mixed", "PA"]
    assert cases.scores[:, 0] == pytest.approx(1 / (1 + np.exp(-np.array([2 * 1.5 + 0.5, 2 * -1.0 + 0.5]))))


def test_at_a_declared_prevalence_studies_weigh_and_not_their_images() -> None:
    description = _description(
        {"type": "multi_class", "names": ["normal", "mass"], "no_finding": "normal"},
        prevalence={"normal": 0.5, "mass": 0.5},
        deployment_prevalence={"normal": 0.9, "mass": 0.1},
    )
    # Images 0 and 2 are one study of patient a, with a mass on one; names are bytes, as records have them.
    records = Records(
        patients=np.array([b"a", b"b", b"a"]),
        studies=np.array([b"s", b"t", b"s"]),
        ids=np.arange(3),
        labels=np.array([0, 0, 1]),
        scores=np.full((3, 2), np.nan),
        raw_scores=np.array([[0.0, 3.0], [0.0, 0.0], [0.0, -1.0]]),
    )
    task = description.task.model_copy(update={"unit": "study"})
    cases = judged_cases(records, description.model_copy(update={"task": task}))
    assert (cases.patients.tolist(), cases.labels.tolist()) == ([b"a", b"b"], [1, 0])
    assert cases.weights == pytest.approx(np.array([[0.2, 0.2], [1.8, 1.8]]))  # half have it, a tenth is wanted
    assert cases.scores[:, 1] == pytest.approx(1 / (1 + np.exp([-1.0, 0.0])))
