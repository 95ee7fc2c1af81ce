"""What the calibration split freezes into a model, from whole cases."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from evaluation.decision_rules import CalibrationCases, DecisionRules, fit_decision_rules
from tests.models.tasks import demo_task, multi_label_task


def _cases(count: int, *, findings: bool = False, patients: int | None = None) -> CalibrationCases:
    rng = np.random.default_rng(0)
    if findings:
        labels = rng.integers(0, 2, (count, 2))
        logits = 2.0 * labels - 1 + rng.normal(size=(count, 2))
    else:
        labels = rng.integers(0, 3, count)
        logits = 2.0 * np.eye(3)[labels] + rng.normal(size=(count, 3))
    whose = np.arange(count) % (patients or count)
    return CalibrationCases(labels, logits, whose, whose, rng.permutation(count), rng.random(count))


def _rules(cases: CalibrationCases, unit: str = "image", **decisions: object) -> DecisionRules:
    multi = cases.labels.ndim == 2
    task = (multi_label_task if multi else demo_task)(decisions=decisions, unit=unit)
    return fit_decision_rules(cases, task=task, class_weights=np.ones((2, 2) if multi else 3))


def test_all_that_is_fitted_is_there_for_classes() -> None:
    rules = _rules(_cases(300))
    assert rules.calibration.method == "temperature_and_intercepts"
    assert set(rules.operating_points) == {"normal", "nodule", "cavity"}
    assert sum(rules.prevalence.values()) == pytest.approx(1)
    assert all(0 < limit < 1 for limit in rules.conformal.thresholds if limit is not None)
    assert rules.conformal.absent_thresholds == ()
    assert rules.scope.threshold is not None and rules.scope.in_scope_share == 0.98


def test_findings_have_thresholds_of_presence_and_of_absence() -> None:
    conformal = _rules(_cases(300, findings=True)).conformal
    assert len(conformal.thresholds) == len(conformal.absent_thresholds) == 2
    assert sum(conformal.patients) + sum(conformal.absent_patients) == 600


def test_a_class_with_too_few_patients_is_in_every_set_and_the_rules_say_how_few() -> None:
    conformal = _rules(_cases(300, patients=7)).conformal
    assert conformal.thresholds == (None, None, None)
    assert max(conformal.patients) <= 7


def test_each_finding_may_have_its_own_operating_point() -> None:
    cases = _cases(400)
    plain = _rules(cases).operating_points
    rules = _rules(cases, findings={"nodule": {"rule": "sensitivity", "value": 0.99}}).operating_points
    assert rules["nodule"] < plain["nodule"]
    assert rules["cavity"] == plain["cavity"]


def test_few_patients_give_the_scope_a_smaller_promise_and_very_few_none() -> None:
    assert _rules(_cases(30)).scope.in_scope_share == pytest.approx(30 / 31)
    assert _rules(_cases(19)).scope.threshold is None


def test_the_scope_judges_a_patient_by_the_most_unusual_image() -> None:
    cases = _cases(60, patients=30)
    scope = _rules(cases).scope
    highest = [cases.scope_scores[cases.patients == one].max() for one in range(30)]
    assert scope.threshold == max(highest)


@pytest.mark.parametrize("unit", ["image", "study"])
def test_an_empty_split_fits_nothing_and_fails_nothing(unit: str) -> None:
    nothing = CalibrationCases(np.empty(0, int), np.empty((0, 3)), *[np.empty(0, str)] * 3, np.empty(0))
    rules = _rules(nothing, unit)
    assert (rules.calibration.method, rules.scope.threshold) == ("none", None)
    assert set(rules.operating_points.values()) == {0.5}


def _images_of(studies: CalibrationCases, moved: np.ndarray) -> CalibrationCases:
    """Returns two images of each study, whose logits lie as far above and below the study's as they are moved."""
    twice = partial(np.tile, reps=2)
    logits = np.concatenate([studies.logits + moved, studies.logits - moved])
    ids = np.arange(2 * len(studies.labels))
    return CalibrationCases(
        np.concatenate([studies.labels] * 2),
        logits,
        twice(studies.patients),
        twice(studies.ids),
        ids,
        np.concatenate([studies.scope_scores, studies.scope_scores / 2]),
    )


@pytest.mark.parametrize("findings", [False, True])
def test_of_studies_everything_is_what_their_mean_logits_give_as_images(findings: bool) -> None:
    studies = _cases(300, findings=findings, patients=200)
    moved = np.random.default_rng(3).normal(0, 5, studies.logits.shape)
    found, expected = _rules(_images_of(studies, moved), "study"), _rules(studies)
    assert found.calibration.images == 300 and found.calibration.patients == 200
    np.testing.assert_allclose(found.calibration.slopes, expected.calibration.slopes, rtol=1e-4)
    np.testing.assert_allclose(found.calibration.intercepts, expected.calibration.intercepts, atol=1e-4)
    assert found.operating_points == pytest.approx(expected.operating_points, abs=1e-5)
    assert found.prevalence == pytest.approx(expected.prevalence)
    assert found.conformal.thresholds == pytest.approx(expected.conformal.thresholds, abs=1e-6)
    assert found.conformal.patients == expected.conformal.patients
    assert found.scope == expected.scope
    assert _rules(_images_of(studies, moved)).calibration.slopes != pytest.approx(expected.calibration.slopes, rel=0.1)


def test_studies_whose_images_have_different_findings_are_counted_and_not_fitted_on() -> None:
    images = _images_of(_cases(300), np.zeros((300, 3)))
    labels = images.labels.copy()
    labels[:10] = 1 + np.arange(10) % 2  # of the first ten studies, each image another finding
    labels[300:310] = 2 - np.arange(10) % 2
    rules = _rules(replace(images, labels=labels), "study")
    assert (rules.left_out, rules.calibration.images) == (10, 290)
