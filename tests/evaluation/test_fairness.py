"""Gaps between groups: fairlearn's values, a planted bias, bounds that hold, and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_negative_rate, false_positive_rate
from sklearn import metrics as sk
from statsmodels.stats.multitest import multipletests

from data_schemas.task import Labels
from evaluation.fairness import WHOLE_TASK, Fairness, Gap, fairness, holm_adjusted
from evaluation.summary import Cases

LABELS = Labels(type="multi_class", names=("normal", "nodule", "cavity"), no_finding="normal")
POINTS = {"nodule": 0.4, "cavity": 0.4}


def _cases(size: int = 600, *, blind_to: str = "", seed: int = 0) -> Cases:
    """Returns cases of which a model misses nearly all nodules and cavities of one sex, if asked."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, size)
    sexes = generator.choice(["F", "M"], size)
    logits = 2.0 * np.eye(3)[labels] + generator.normal(size=(size, 3))
    logits[sexes == blind_to, 0] += 4
    scores = np.exp(logits)
    sites = np.where(np.arange(size) < 6, "small", np.where(np.arange(size) % 2, "north", "unknown"))
    groups = {"sex": sexes, "site": sites}
    return Cases(np.arange(size), labels, scores / scores.sum(axis=1, keepdims=True), groups=groups)


def _gap(found: Fairness, finding: str, metric: str, attribute: str = "sex") -> Gap:
    (gap,) = [one for one in found.gaps if (one.attribute, one.finding, one.metric) == (attribute, finding, metric)]
    return gap


def test_gaps_and_groups_are_fairlearns() -> None:
    cases = _cases()
    found = fairness(cases, LABELS, POINTS)
    truth, flagged = cases.labels == 1, cases.scores[:, 1] >= 0.4
    for name, rate in (("false_negative_rate", false_negative_rate), ("false_positive_rate", false_positive_rate)):
        frame = MetricFrame(metrics=rate, y_true=truth, y_pred=flagged, sensitive_features=cases.groups["sex"])
        gap = _gap(found, "nodule", name)
        assert gap.gap.value == pytest.approx(frame.difference(method="between_groups"))
        assert {group: one.value for group, one in gap.groups.items()} == pytest.approx(dict(frame.by_group))
        assert gap.worst == frame.by_group.idxmax()
    frame = MetricFrame(
        metrics=sk.roc_auc_score, y_true=truth, y_pred=cases.scores[:, 1], sensitive_features=cases.groups["sex"]
    )
    assert _gap(found, "nodule", "auroc").gap.value == pytest.approx(frame.difference(method="between_groups"))
    assert _gap(found, "nodule", "auroc").worst == frame.by_group.idxmin()


def test_underdiagnosis_is_the_false_positive_rate_of_no_finding() -> None:
    cases = _cases()
    healthy = (cases.scores[:, 1] < 0.4) & (cases.scores[:, 2] < 0.4)
    frame = MetricFrame(
        metrics=false_positive_rate,
        y_true=cases.labels == 0,
        y_pred=healthy,
        sensitive_features=cases.groups["sex"],
    )
    gap = _gap(fairness(cases, LABELS, POINTS), WHOLE_TASK, "underdiagnosis_rate")
    assert {group: one.value for group, one in gap.groups.items()} == pytest.approx(dict(frame.by_group))


def test_calibration_gap_is_that_of_mean_probability_less_share() -> None:
    cases = _cases()
    gap = _gap(fairness(cases, LABELS, POINTS), "cavity", "calibration_in_the_large")
    for group, one in gap.groups.items():
        member = cases.groups["sex"] == group
        assert one.value == pytest.approx(cases.scores[member, 2].mean() - np.mean(cases.labels[member] == 2))


def test_a_model_blind_to_one_sex_is_found_out() -> None:
    found = fairness(_cases(blind_to="F"), LABELS, POINTS)
    gap = _gap(found, WHOLE_TASK, "underdiagnosis_rate")
    assert gap.worst == "F" and gap.gap.value > 0.4 and gap.p_holm < 1e-6
    assert gap.groups["F"].lower > gap.groups["M"].upper
    fair = _gap(fairness(_cases(), LABELS, POINTS), WHOLE_TASK, "underdiagnosis_rate")
    assert fair.p_holm > 0.05 and fair.gap.upper < 0.2


def test_small_groups_and_unknown_ones_are_left_out_with_their_count() -> None:
    found = fairness(_cases(), LABELS, POINTS)
    assert found.too_small == {"site": {"small": 6}}
    assert not [gap for gap in found.gaps if gap.attribute == "site"]  # north alone is left


def test_a_group_with_too_few_diseased_patients_is_shown_without_a_number() -> None:
    cases = _cases()
    third = np.where(np.arange(600) < 20, "O", cases.groups["sex"])
    found = fairness(Cases(cases.patients, cases.labels, cases.scores, groups={"sex": third}), LABELS, POINTS)
    group = _gap(found, "nodule", "false_negative_rate").groups["O"]
    assert group.value is None and group.note == f"too few patients: {group.patients}" and group.patients < 10


@pytest.mark.parametrize("patients", [60, 200])
def test_the_bound_of_a_gap_is_held(patients: int) -> None:
    """Three groups whose true rates differ by .15: a one-sided 95 % bound must hold that in at least 93 % of trials."""
    generator = np.random.default_rng(3)
    rates = {"a": 0.10, "b": 0.15, "c": 0.25}
    labels = Labels(type="multi_label", names=("mass",))
    held = 0
    for _ in range(400):
        groups = np.repeat(list(rates), patients)
        missed = generator.uniform(size=groups.size) < np.repeat(list(rates.values()), patients)
        cases = Cases(
            np.arange(groups.size), np.ones((groups.size, 1), int), (1.0 - missed)[:, np.newaxis], groups={"g": groups}
        )
        held += _gap(fairness(cases, labels, {"mass": 0.5}), "mass", "false_negative_rate", "g").gap.upper >= 0.15
    assert held / 400 >= 0.93


def test_equal_groups_are_rarely_called_different() -> None:
    """Of 200 fair models at most 5 % or so have any gap with a corrected p below .05."""
    alarms = sum(
        any(
            gap.p_holm is not None and gap.p_holm < 0.05
            for gap in fairness(_cases(300, seed=seed), LABELS, POINTS).gaps
        )
        for seed in range(200)
    )
    assert alarms <= 16


def test_a_group_without_an_error_is_not_told_from_one_with_few() -> None:
    """AUROC 1 among 25 patients with the finding and 40 without, against .964 among as many: no disparity."""
    labels = Labels(type="multi_label", names=("mass",))
    truth = np.tile(np.repeat([1, 0], [25, 40]), 2)
    scores = np.where(truth == 1, 0.8, 0.2)
    scores[65:67] = 0.1  # two patients of the second group are missed
    groups = {"sex": np.repeat(["M", "F"], 65)}
    cases = Cases(np.arange(130), truth[:, np.newaxis], scores[:, np.newaxis], groups=groups)
    gap = _gap(fairness(cases, labels, {"mass": 0.5}), "mass", "auroc")
    assert gap.groups["M"].value == 1.0 and gap.groups["F"].value == pytest.approx(23 / 25)
    assert gap.p_value > 0.05


def test_holm_is_statsmodels() -> None:
    values = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03]
    assert holm_adjusted(values) == pytest.approx(multipletests(values, method="holm")[1])
    assert holm_adjusted([]) == []


def test_gaps_read_back() -> None:
    found = fairness(_cases(), LABELS, POINTS)
    assert Fairness.from_json(found.to_json()) == found
