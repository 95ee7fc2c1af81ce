"""Calibration: against scikit-learn's Platt scaling, on simulated networks whose miscalibration is known, and on few
cases."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

from evaluation.calibration import calibrated_logits, fit_calibration, to_probabilities


def _classes(count: int, temperature: float, *, classes: int = 3, seed: int = 0) -> tuple[NDArray, NDArray]:
    """Returns labels and logits that are too confident by a known factor: the true logits times the temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, classes))
    labels = np.array([rng.choice(classes, p=row) for row in scipy.special.softmax(logits, axis=1)])
    return labels, logits * temperature


def _platt_of_scikit_learn(scores: NDArray, truth: NDArray, asked: NDArray) -> NDArray:
    """Returns the probabilities of scikit-learn's sigmoid calibration of a score that stays as it is."""
    identity = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])
    identity.coef_, identity.intercept_ = np.array([[1.0]]), np.array([0.0])
    platt = CalibratedClassifierCV(identity, method="sigmoid", cv="prefit").fit(scores[:, None], truth)
    probabilities: NDArray = platt.predict_proba(asked[:, None])[:, 1]
    return probabilities


def test_findings_are_calibrated_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, (300, 2))
    logits = 3.0 * labels - 1 + rng.normal(0, 2, (300, 2))
    found = fit_calibration(labels, logits, patients=np.arange(300), class_weights=np.ones((2, 2)))
    ours = to_probabilities(calibrated_logits(logits, found), "multi_label")
    theirs = [_platt_of_scikit_learn(logits[:, one], labels[:, one], logits[:, one]) for one in (0, 1)]
    np.testing.assert_allclose(ours, np.stack(theirs, axis=1), atol=2e-4)
    assert (found.method, found.fitted) == ("platt", (0, 1))


def test_two_classes_are_calibrated_as_scikit_learn_calibrates_their_difference() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 400)
    logits = np.stack([np.zeros(400), 2.0 * labels + rng.normal(0, 1.5, 400)], axis=1)
    found = fit_calibration(labels, logits, patients=np.arange(400), class_weights=np.ones(2))
    ours = to_probabilities(calibrated_logits(logits, found), "multi_class")[:, 1]
    np.testing.assert_allclose(ours, _platt_of_scikit_learn(logits[:, 1], labels, logits[:, 1]), atol=2e-4)


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_a_known_temperature_is_found(temperature: float) -> None:
    labels, logits = _classes(6000, temperature)
    found = fit_calibration(labels, logits, patients=np.arange(6000), class_weights=np.ones(3))
    assert found.method == "temperature_and_intercepts"
    assert found.slopes == pytest.approx([1 / temperature] * 3, rel=0.06)
    assert found.intercepts == pytest.approx([0.0] * 3, abs=0.1)


def test_what_class_weights_did_to_the_prior_is_undone() -> None:
    labels, logits = _classes(6000, 1.0)
    weights = np.array([0.5, 1.0, 3.0])
    # A network fitted with these weights believes in a prior that is multiplied by them.
    found = fit_calibration(labels, logits + np.log(weights), patients=np.arange(6000), class_weights=weights)
    probabilities = to_probabilities(calibrated_logits(logits + np.log(weights), found), "multi_class")
    np.testing.assert_allclose(probabilities, scipy.special.softmax(logits, axis=1), atol=0.05)
    np.testing.assert_allclose(probabilities.mean(0), np.bincount(labels) / 6000, atol=0.005)


def test_a_class_with_few_patients_leaves_the_temperature_and_the_known_weights() -> None:
    labels, logits = _classes(200, 2.0)
    labels[labels == 2] = 0
    labels[:3] = 2
    weights = np.array([1.0, 1.0, 4.0])
    found = fit_calibration(labels, logits, patients=np.arange(200), class_weights=weights)
    assert found.method == "temperature"
    assert found.intercepts == pytest.approx([0, 0, -np.log(4)])


def test_too_few_patients_fit_nothing_however_many_images_they_have() -> None:
    labels, logits = _classes(400, 2.0)
    found = fit_calibration(labels, logits, patients=np.arange(400) % 8, class_weights=np.ones(3))
    assert (found.method, found.slopes, found.fitted, found.patients) == ("none", (1.0, 1.0, 1.0), (), 8)


def test_no_case_at_all_fits_nothing() -> None:
    found = fit_calibration(np.empty(0, int), np.empty((0, 2)), patients=np.empty(0, str), class_weights=np.ones(2))
    assert (found.method, found.images) == ("none", 0)


def test_findings_with_few_patients_keep_their_slope_and_others_do_not() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, (200, 2))
    labels[5:, 1] = -1
    found = fit_calibration(
        labels,
        2 * rng.normal(size=(200, 2)) + labels,
        patients=np.arange(200),
        class_weights=np.array([[1, 1], [1, 2]]),
    )
    assert found.fitted == (0,)
    assert (found.slopes[1], found.intercepts[1]) == (1.0, pytest.approx(-np.log(2)))


def test_separated_classes_give_no_certainty() -> None:
    labels = np.repeat([0, 1], 20)
    logits = np.stack([-10.0 * labels, 10.0 * labels], axis=1)
    found = fit_calibration(labels, logits, patients=np.arange(40), class_weights=np.ones(2))
    probabilities = to_probabilities(calibrated_logits(logits, found), "multi_class")
    # Platt's targets of twenty cases: 21 of 22.
    np.testing.assert_allclose(probabilities[labels == 1, 1], 21 / 22, atol=1e-3)


def test_calibration_never_changes_the_order_of_two_images() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, 100)
    logits = np.stack([np.zeros(100), rng.normal(size=100) - labels], axis=1)  # worse than chance
    found = fit_calibration(labels, logits, patients=np.arange(100), class_weights=np.ones(2))
    before, after = logits[:, 1], calibrated_logits(logits, found) @ [-1, 1]
    assert np.all(np.diff(after[np.argsort(before)]) >= 0)
