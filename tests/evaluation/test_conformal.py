"""Label sets: thresholds by hand and against crepes, and their coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from crepes import ConformalClassifier

from evaluation.conformal import ALWAYS, fewest_patients, nonconformity, threshold


def _threshold(scores: list[float], alpha: float, patients: list[int] | None = None) -> float:
    count = len(scores)
    whose = np.array(patients if patients is not None else range(count))
    return threshold(np.array(scores), whose, alpha=alpha, order=np.arange(count))


def test_the_threshold_is_the_ceiling_of_n_plus_one_times_coverage() -> None:
    # Nine patients at 10 %: rank ceil(10 x 0.9) = 9, the largest; at 20 %: rank 8; at 50 %: rank 5.
    scores = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [_threshold(scores, alpha) for alpha in (0.1, 0.2, 0.5)] == [0.9, 0.8, 0.5]


@pytest.mark.parametrize(("alpha", "fewest"), [(0.1, 9), (0.05, 19), (0.2, 4), (0.3, 3)])
def test_with_fewer_patients_a_label_is_in_every_set(alpha: float, fewest: int) -> None:
    assert fewest_patients(alpha) == fewest
    assert _threshold([0.5] * (fewest - 1), alpha) == ALWAYS
    assert _threshold([0.5] * fewest, alpha) == 0.5


def test_a_patient_counts_once_by_the_image_that_comes_first() -> None:
    scores, patients = np.array([0.9, 0.1, 0.2, 0.3, 0.8]), np.array(["a", "a", "b", "c", "d"])
    found = threshold(scores, patients, alpha=0.25, order=np.array([2, 1, 3, 4, 5]))
    # One each: a 0.1, b 0.2, c 0.3, d 0.8; rank ceil(5 x 0.75) = 4.
    assert found == 0.8
    assert threshold(scores, patients, alpha=0.25, order=np.array([1, 2, 3, 4, 5])) == 0.9


def test_nonconformity_is_one_less_the_probability() -> None:
    np.testing.assert_allclose(nonconformity(np.array([[0.75, 0.25]])), [[0.25, 0.75]])


def test_sets_are_those_of_crepes() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 300)
    probabilities = rng.dirichlet(np.ones(3), 300) * 0.4 + 0.6 * np.eye(3)[labels] * rng.random((300, 1))
    fits, new = nonconformity(probabilities[:200]), nonconformity(probabilities[200:])
    for label in range(3):
        of_label = fits[labels[:200] == label, label]
        theirs = ConformalClassifier().fit(of_label).predict_set(new[:, [label]], confidence=0.87, smoothing=False)
        limit = threshold(of_label, np.arange(len(of_label)), alpha=0.13, order=np.arange(len(of_label)))
        np.testing.assert_array_equal(new[:, label] <= limit, theirs[:, 0] == 1)


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("patients", [30, 200])
def test_the_promised_share_of_new_patients_is_covered(patients: int, images: int) -> None:
    rng = np.random.default_rng(patients + images)
    covered = []
    for _ in range(600):
        own = rng.normal(size=(patients + 50, 1))
        scores = own + 0.3 * rng.normal(size=(patients + 50, images))  # a patient's images are alike
        whose = np.repeat(np.arange(patients), images)
        limit = threshold(scores[:patients].ravel(), whose, alpha=0.1, order=rng.random(patients * images))
        covered.append(np.mean(scores[patients:, 0] <= limit))
    # Exactly ceil((n + 1) x 0.9) / (n + 1) on average; 600 runs of 50 leave it uncertain by about 0.003.
    promised = np.ceil((patients + 1) * 0.9) / (patients + 1)
    assert np.mean(covered) == pytest.approx(promised, abs=0.012)
    assert np.mean(covered) >= 0.9 - 0.006


def test_counting_every_image_of_a_patient_would_break_the_promise() -> None:
    """The reason for one image a patient: with many images of few patients the threshold is that of those few."""
    rng = np.random.default_rng(5)
    one, all_of_them = [], []
    for _ in range(400):
        own = rng.normal(size=40)
        weight = np.where(own[:20] < 0, 40, 1)  # patients who fit well have many images
        whose = np.repeat(np.arange(20), weight)
        scores = own[whose]
        one.append(np.mean(own[20:] <= threshold(scores, whose, alpha=0.1, order=rng.random(len(whose)))))
        all_of_them.append(np.mean(own[20:] <= threshold(scores, np.arange(len(whose)), alpha=0.1, order=whose)))
    assert np.mean(one) >= 0.9
    assert np.mean(all_of_them) < 0.8
