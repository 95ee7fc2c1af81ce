"""Summaries of both kinds of task."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from data_schemas.metrics import METRICS, RANGES
from data_schemas.task import Labels
from evaluation.summary import Cases, Summary, summarize, task_metric

THREE = Labels(type="multi_class", names=("normal", "nodule", "cavity"), no_finding="normal")
ONE = Labels(type="multi_label", names=("mass",))
TWO = Labels(type="multi_label", names=("effusion", "mass"))


def _random_cases(kind: str) -> Cases:
    generator = np.random.default_rng(1)
    if kind == "multi_class":
        labels = generator.integers(0, 3, 120)
        scores = generator.dirichlet(np.ones(3), 120) + 0.3 * np.eye(3)[labels]
    else:
        labels = generator.integers(-1, 2, (120, 2))
        scores = 0.3 * (labels == 1) + generator.uniform(size=(120, 2)) * 0.7
    return Cases(np.repeat(np.arange(60), 2), labels, scores)


def test_multi_class_values_are_one_against_the_rest() -> None:
    cases = _random_cases("multi_class")
    summary = summarize(cases, THREE, {"nodule": 0.4, "cavity": 0.5})
    assert set(summary.findings) == {"nodule", "cavity"}
    nodule = cases.labels == 1
    assert summary.value("nodule", "auroc") == pytest.approx(sk.roc_auc_score(nodule, cases.scores[:, 1]))
    flagged = cases.scores[:, 2] >= 0.5
    assert summary.value("cavity", "f1") == pytest.approx(sk.f1_score(cases.labels == 2, flagged))
    assert summary.value(None, "accuracy") == pytest.approx(sk.accuracy_score(cases.labels, cases.scores.argmax(1)))
    both = [summary.value(finding, "mcc") for finding in summary.findings]
    assert summary.value(None, "macro_mcc") == pytest.approx(np.mean(both))
    assert (summary.examples, summary.patients) == (120, 60)
    assert np.sum(summary.confusion) == 120


def test_multi_label_values_leave_unknown_labels_out() -> None:
    cases = _random_cases("multi_label")
    summary = summarize(cases, TWO, {"effusion": 0.5, "mass": 0.5})
    known = cases.labels[:, 1] >= 0
    expected = sk.roc_auc_score(cases.labels[known, 1], cases.scores[known, 1])
    assert summary.value("mass", "auroc") == pytest.approx(expected)
    assert summary.confusion is None and "accuracy" not in summary.task


@pytest.mark.parametrize(("kind", "labels"), [("multi_class", THREE), ("multi_label", TWO)])
def test_every_interval_holds_its_value_and_has_width(kind: str, labels: Labels) -> None:
    summary = summarize(_random_cases(kind), labels, dict.fromkeys(labels.findings, 0.5))
    for metrics in [summary.task, *summary.findings.values()]:
        for name, found in metrics.items():
            assert found.lower < found.upper and found.lower <= found.value <= found.upper, name
            lowest, highest = RANGES[name.removeprefix("macro_")]
            assert found.lower >= lowest and (highest is None or name == "brier" or found.upper <= highest), name


def test_perfect_scores_have_width_in_every_metric() -> None:
    labels = np.arange(30) % 3
    summary = summarize(Cases(np.arange(30), labels, np.eye(3)[labels]), THREE, {"nodule": 0.5, "cavity": 0.5})
    best = {"auroc", "average_precision", "accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "mcc"}
    for metrics in [summary.task, *summary.findings.values()]:
        for name, found in metrics.items():
            if name.removeprefix("macro_") in best | {"balanced_accuracy", "sensitivity_at_90_specificity"}:
                assert found.value == 1.0 and found.lower < 1 and found.upper == 1, name
    nodule = summary.findings["nodule"]
    assert nodule["positive_likelihood_ratio"].note == "not defined: no false positive"
    assert nodule["calibration_slope"].note == "not defined: the cases are perfectly separated"
    assert nodule["brier"].value == 0 and nodule["brier"].upper > 0.1
    # AUROC: as a rate of as many trials as there are patients in the smaller group, ten.
    assert summary.findings["nodule"]["auroc"].lower == pytest.approx(0.025 ** (1 / 10))


def test_a_finding_without_a_case_is_undefined_and_so_is_the_macro_average() -> None:
    labels = np.array([0, 1] * 10)
    summary = summarize(Cases(np.arange(20), labels, np.eye(3)[labels]), THREE, {"nodule": 0.5, "cavity": 0.5})
    auroc = summary.findings["cavity"]["auroc"]
    assert (auroc.value, auroc.lower, auroc.upper, auroc.patients, auroc.note) == (None, None, None, 0, "not defined")
    assert summary.findings["cavity"]["specificity"].value == 1.0
    assert summary.value(None, "macro_auroc") is None
    assert summary.value("nodule", "auroc") == 1


def test_several_images_of_a_patient_widen_the_interval() -> None:
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 2, (40, 1))
    scores = 0.4 * labels + generator.uniform(size=(40, 1))
    one = Labels(type="multi_label", names=("mass",))
    apart = summarize(
        Cases(np.arange(200), np.repeat(labels, 5, axis=0), np.repeat(scores, 5, axis=0)), one, {"mass": 0.7}
    )
    together = Cases(np.repeat(np.arange(40), 5), np.repeat(labels, 5, axis=0), np.repeat(scores, 5, axis=0))
    widths = [
        summary.findings["mass"]["auroc"].upper - summary.findings["mass"]["auroc"].lower
        for summary in (summarize(together, one, {"mass": 0.7}), apart)
    ]
    assert widths[0] > 1.7 * widths[1]


def test_the_same_cases_give_the_same_summary_and_json_reads_back() -> None:
    summary = summarize(_random_cases("multi_class"), THREE, {"nodule": 0.4, "cavity": 0.4})
    again = summarize(_random_cases("multi_class"), THREE, {"nodule": 0.4, "cavity": 0.4})
    assert summary == again == Summary.from_json(json.loads(json.dumps(summary.to_json())))


def test_without_draws_there_are_values_alone() -> None:
    summary = summarize(_random_cases("multi_label"), TWO, {"effusion": 0.5, "mass": 0.5}, draws=0)
    assert summary.findings["mass"]["auroc"].lower is None and summary.value("mass", "auroc") is not None


def test_names_of_whole_task_metrics() -> None:
    assert [task_metric(THREE, name) for name in ("accuracy", "auroc")] == ["accuracy", "macro_auroc"]
    assert [task_metric(TWO, name) for name in ("balanced_accuracy", "auroc")] == [
        "macro_balanced_accuracy",
        "macro_auroc",
    ]
    assert set(METRICS) == set(
        summarize(_random_cases("multi_label"), TWO, {"effusion": 0.5, "mass": 0.5}, draws=0).findings["mass"]
    )


def test_the_macro_average_of_one_finding_is_that_finding() -> None:
    cases = _random_cases("multi_label")
    summary = summarize(Cases(cases.patients, cases.labels[:, :1], cases.scores[:, :1]), ONE, {"mass": 0.5})
    assert {name: summary.task[f"macro_{name}"] for name in METRICS} == summary.findings["mass"]


def test_what_too_few_patients_are_behind_is_not_said() -> None:
    cases = _random_cases("multi_class").take(np.arange(30))
    summary = summarize(cases, THREE, {"nodule": 0.4, "cavity": 0.4}, fewest=10)
    positives = summary.positives["nodule"]
    assert positives < 10 <= summary.patients
    sensitivity = summary.findings["nodule"]["sensitivity"]
    assert (sensitivity.value, sensitivity.note) == (None, f"too few patients: {positives}")
    assert summary.findings["nodule"]["accuracy"].value is not None
    assert summary.task["macro_sensitivity"].value is None


@pytest.mark.parametrize("kind", ["multi_class", "multi_label"])
def test_at_a_declared_prevalence_values_are_those_of_cases_repeated_so_often(kind: str) -> None:
    """Whole-number weights must say what so many copies of each case would; what has no prevalence must not move."""
    labels = THREE if kind == "multi_class" else TWO
    plain, points = _random_cases(kind), dict.fromkeys(labels.findings, 0.45)
    copies = np.where((plain.labels == 1) if kind == "multi_class" else (plain.labels[:, 0] == 1), 3, 1)
    weights = np.repeat(copies[:, np.newaxis], len(labels.names), axis=1).astype(float)
    probabilities = np.clip(plain.scores**2, 0.01, 0.99)
    weighted = Cases(plain.patients, plain.labels, plain.scores, probabilities, weights)
    repeated = Cases(
        *(np.repeat(array, copies, axis=0) for array in (plain.patients, plain.labels, plain.scores, probabilities))
    )
    finding = labels.findings[0]
    ours, wanted = (summarize(cases, labels, points, draws=0) for cases in (weighted, repeated))
    for name in ("ppv", "npv", "brier", "log_loss", "calibration_intercept", "calibration_slope"):
        assert ours.value(finding, name) == pytest.approx(wanted.value(finding, name)), name
    unmoved = summarize(plain, labels, points, draws=0)
    for name in ("auroc", "sensitivity", "specificity", "accuracy", "prevalence"):
        assert ours.value(finding, name) == pytest.approx(unmoved.value(finding, name)), name
    if kind == "multi_class":
        assert np.array(ours.confusion) == pytest.approx(np.array(wanted.confusion))
        assert ours.value(None, "log_loss") == pytest.approx(wanted.value(None, "log_loss"))
