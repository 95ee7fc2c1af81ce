"""A planted attribute is found, none is found where there is none, and what cannot be said is not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation.attribute_probe import probe_age, probe_sex

PATIENTS = np.repeat(np.arange(150), 2)
SEXES = np.where(np.random.default_rng(0).random(150) < 0.5, "F", "M")[PATIENTS]


def _features(seed: int, *, planted: float = 0.0, width: int = 64) -> np.ndarray:
    """Returns noise that images of a patient share in part, with the sex along one direction over all features."""
    generator = np.random.default_rng(seed)
    own = generator.normal(size=(150, width))[PATIENTS] + 0.3 * generator.normal(size=(300, width))
    return own + planted * np.where(SEXES == "F", 1, -1)[:, None]


def test_a_planted_sex_is_found() -> None:
    found = probe_sex(_features(1, planted=0.5), SEXES, PATIENTS)
    assert found.auroc.value > 0.95 and found.auroc.lower > 0.9
    assert (found.patients, found.note) == (150, "women against men")


@pytest.mark.parametrize(("patients", "share"), [(44, 0.5), (150, 0.5), (150, 0.2)])
def test_where_there_is_nothing_the_auroc_is_near_a_half(patients: int, share: float) -> None:
    found = []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        features = generator.normal(size=(patients, 64)) @ generator.normal(size=(64, 64))
        sexes = np.where(np.arange(patients) < share * patients, "F", "M")
        found.append(probe_sex(features, sexes, np.arange(patients)).auroc)
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.04)
    # Of 30 intervals of 95 %, 28.5 hold the truth; fewer than 26 once in fifty.
    assert sum(one.lower <= 0.5 <= one.upper for one in found) >= 26


def test_images_of_one_patient_do_not_help_each_other() -> None:
    """Each patient's images are alike and unlike everybody's: a split by image would learn patients by heart."""
    generator = np.random.default_rng(3)
    patients = np.repeat(np.arange(60), 8)
    features = 10 * generator.normal(size=(60, 200))[patients] + generator.normal(size=(480, 200)) * 0.01
    sexes = np.where(generator.random(60) < 0.5, "F", "M")[patients]
    found = probe_sex(features, sexes, patients)
    assert abs(found.auroc.value - 0.5) < 0.2 and found.patients == 60


def test_a_patient_counts_once_however_many_images_there_are() -> None:
    features, patients = _features(1, planted=0.5), PATIENTS
    again = PATIENTS == 7  # whose images are shown twenty times over
    more = np.concatenate([np.arange(300), np.repeat(np.flatnonzero(again), 20)])
    first, second = probe_sex(features, SEXES, patients), probe_sex(features[more], SEXES[more], patients[more])
    assert second.auroc.value == pytest.approx(first.auroc.value, abs=1e-9) and second.patients == first.patients


def test_unknown_and_other_sexes_are_left_out() -> None:
    sexes = np.where(PATIENTS % 5 == 0, "unknown", np.where(PATIENTS % 5 == 1, "O", SEXES))
    features = _features(1, planted=0.5)
    known = np.isin(sexes, ["F", "M"])
    features[~known] = 1e3
    found = probe_sex(features, sexes, PATIENTS)
    assert found.patients == 90 and found.auroc.patients == 90 and found.auroc.value > 0.95


def test_age_is_split_at_the_median_over_patients() -> None:
    ages = np.arange(150.0)[PATIENTS]
    ages[PATIENTS >= 100] = np.nan
    # One patient with many images must not move the median.
    patients = np.concatenate([PATIENTS, np.full(200, 99)])
    ages = np.concatenate([ages, np.full(200, 99.0)])
    features = np.random.default_rng(5).normal(size=(500, 8))
    features[:, 0] += np.nan_to_num(ages) / 10
    found = probe_age(features, ages, patients)
    assert found.note == "49.5 years and more against younger"
    assert found.patients == 100
    assert found.auroc.value > 0.9 and roc_auc_score(ages[:200] >= 49.5, features[:200, 0]) > 0.9


@pytest.mark.parametrize("women", [0, 19])
def test_too_few_patients_are_said_to_be(women: int) -> None:
    sexes = np.where(women > PATIENTS, "F", "M")
    found = probe_sex(_features(1), sexes, PATIENTS)
    assert found.auroc.value is None
    assert found.note == f"not enough patients: {women} and {150 - women}, 20 of each kind are needed"
    assert probe_age(_features(1), np.full(300, np.nan), PATIENTS).note.startswith("not enough patients: 0 and 0")


def test_a_model_without_the_signature_is_said_to_have_none() -> None:
    found = probe_sex(None, SEXES, PATIENTS)
    assert found.auroc.value is None and "no signature `features`" in found.note and found.patients == 150


def test_features_without_bounds_are_endured() -> None:
    features = _features(1, planted=0.5)
    features[3, 5], features[4, 5], features[5, 5] = np.nan, np.inf, -1e30
    assert probe_sex(features, SEXES, PATIENTS).auroc.value > 0.9


def test_features_that_are_the_same_for_all_tell_nothing() -> None:
    assert probe_sex(np.ones((300, 4)), SEXES, PATIENTS).auroc.value == pytest.approx(0.5, abs=0.1)
