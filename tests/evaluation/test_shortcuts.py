"""Shortcut probes: a planted confound is found, chance is not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.shortcuts import one_hot, probe

PATIENTS, IMAGES_EACH = 150, 2


def _confounded(seed: int, *, strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns scanner, label and patient of images: of the sick, `strength` more were on the first scanner."""
    rng = np.random.default_rng(seed)
    sick = rng.random(PATIENTS) < 0.4
    first = rng.random(PATIENTS) < np.where(sick, 0.5 + strength, 0.5 - strength)
    repeated = [np.repeat(values, IMAGES_EACH) for values in (np.where(first, "A", "B"), sick, np.arange(PATIENTS))]
    return repeated[0], repeated[1].astype(int), repeated[2].astype(str)


def test_a_planted_scanner_is_flagged() -> None:
    for seed in range(5):
        scanner, labels, patients = _confounded(seed, strength=0.25)
        found = probe(one_hot(scanner), labels, patients)
        assert found.verdict == "flagged"
        assert found.auroc.lower is not None and 0.5 < found.auroc.lower <= 0.75 <= (found.auroc.upper or 0)


def test_the_same_with_permuted_labels_is_flagged_in_one_seed_of_twenty_at_most() -> None:
    flagged = 0
    for seed in range(20):
        scanner, labels, patients = _confounded(seed, strength=0.25)
        order = np.random.default_rng(seed).permutation(PATIENTS)
        permuted = labels.reshape(PATIENTS, IMAGES_EACH)[order].ravel()
        flagged += probe(one_hot(scanner), permuted, patients).verdict == "flagged"
    assert flagged <= 1


def test_many_patients_without_a_confound_are_clear() -> None:
    rng = np.random.default_rng(1)
    scanner, labels = rng.choice(["A", "B"], 2000), rng.integers(0, 2, 2000)
    assert probe(one_hot(scanner), labels, np.arange(2000).astype(str)).verdict == "clear"


def test_few_patients_are_inconclusive_with_their_interval() -> None:
    rng = np.random.default_rng(3)
    scanner, labels = rng.choice(["A", "B"], 40), np.arange(40) % 2
    found = probe(one_hot(scanner), labels, np.arange(40).astype(str))
    assert found.verdict == "inconclusive" and found.auroc.lower is not None


def test_too_few_patients_of_a_kind_have_no_number() -> None:
    labels = np.array([1] * 9 + [0] * 50)
    found = probe(np.random.default_rng(1).normal(size=(59, 1)), labels, np.arange(59).astype(str))
    assert (found.verdict, found.auroc.value) == ("inconclusive", None)


def test_a_suspect_that_never_varies_tells_nothing() -> None:
    found = probe(np.ones((60, 3)), np.arange(60) % 2, np.arange(60).astype(str))
    assert (found.verdict, found.auroc.value) == ("clear", 0.5)


def test_a_patient_is_never_on_both_sides() -> None:
    # The suspect names the patient: a probe that had seen the patient would know the label.
    patients = np.repeat(np.arange(60), 5)
    labels = np.repeat(np.random.default_rng(5).integers(0, 2, 60), 5)
    found = probe(one_hot(patients), labels, patients.astype(str))
    assert found.auroc.value == pytest.approx(0.5, abs=0.12)


def test_unknown_labels_count_for_nothing() -> None:
    scanner, labels, patients = _confounded(1, strength=0.25)
    more = np.concatenate([labels, np.full(50, -1)])
    found = probe(one_hot(np.concatenate([scanner, ["A"] * 50])), more, np.concatenate([patients, ["x"] * 50]))
    assert found.auroc == probe(one_hot(scanner), labels, patients).auroc


def test_words_become_a_column_each() -> None:
    assert one_hot(np.array(["b", "a", "b"])).tolist() == [[0, 1], [1, 0], [0, 1]]
