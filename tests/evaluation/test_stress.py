"""Paired changes of scores, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation.differences import AGREED, SAME
from evaluation.stress import stress_of_finding


def _cases(count: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns labels, scores that tell them in part, and patients of two images each."""
    generator = np.random.default_rng(seed)
    truth = np.repeat(generator.integers(0, 2, count // 2), 2)
    return truth, 0.3 * truth + 0.7 * generator.random(count), np.repeat(np.arange(count // 2), 2).astype(str)


def test_score_and_flag_changes_are_means_over_images_also_of_unknown_labels() -> None:
    truth = np.array([1, 0, -1, 1])
    scores, changed = np.array([0.9, 0.4, 0.5, 0.2]), np.array([[0.7, 0.6, 0.5, 0.2], [0.9, 0.4, 0.1, 0.6]])
    _, rows = stress_of_finding(truth, scores, changed, patients=np.arange(4), operating_point=0.5)
    assert [row.score_change for row in rows] == pytest.approx([(0.2 + 0.2) / 4, (0.4 + 0.4) / 4])
    # A score of exactly 0.5 is flagged: the second case turns on; then the third turns off and the fourth on.
    assert [row.flag_changed for row in rows] == [0.25, 0.5]


def test_aurocs_are_scikit_learns_and_the_difference_is_theirs() -> None:
    truth, scores, patients = _cases()
    worse = np.random.default_rng(1).random(len(truth))
    before, (row,) = stress_of_finding(truth, scores, worse[None], patients=patients, operating_point=0.5)
    assert before.value == pytest.approx(roc_auc_score(truth, scores))
    assert row.auroc.value == pytest.approx(roc_auc_score(truth, worse))
    assert row.auroc_difference.value == pytest.approx(roc_auc_score(truth, worse) - roc_auc_score(truth, scores))
    assert row.auroc_difference.lower < row.auroc_difference.value < row.auroc_difference.upper < 0
    assert before.patients == 60


def test_unknown_labels_take_no_part_in_the_auroc() -> None:
    truth, scores, patients = _cases()
    masked = np.where(np.arange(len(truth)) % 5, truth, -1)
    known = masked >= 0
    before, _ = stress_of_finding(masked, scores, scores[None], patients=patients, operating_point=0.5)
    assert before.value == pytest.approx(roc_auc_score(truth[known], scores[known]))


def test_a_paired_difference_is_narrower_than_two_aurocs_apart() -> None:
    truth, scores, patients = _cases()
    nearly = scores + np.random.default_rng(2).normal(0, 0.01, len(scores))
    before, (row,) = stress_of_finding(truth, scores, nearly[None], patients=patients, operating_point=0.5)
    width = row.auroc_difference.upper - row.auroc_difference.lower
    assert width < 0.2 * (before.upper - before.lower)


def test_where_no_score_changed_the_difference_is_nothing_by_definition() -> None:
    truth, scores, patients = _cases()
    _, (row,) = stress_of_finding(truth, scores, scores[None], patients=patients, operating_point=0.5)
    difference = row.auroc_difference
    assert (difference.value, difference.lower, difference.upper, difference.note) == (0, 0, 0, SAME)
    assert (row.score_change, row.flag_changed) == (0, 0)


def test_a_perfect_model_that_stays_perfect_has_an_interval_of_some_width() -> None:
    truth, _, patients = _cases(80)
    before, (row,) = stress_of_finding(
        truth, truth * 0.9, truth[None] * 0.8, patients=patients, operating_point=0.5
    )  # fmt: skip
    assert before.value == 1 and before.lower < 0.9
    assert row.auroc_difference.value == 0
    # Clopper and Pearson's upper limit of 0 in n is 1 - 0.025 ** (1 / n).
    behind = min(len(set(patients[truth == value])) for value in (0, 1))
    assert row.auroc_difference.upper == pytest.approx(1 - 0.025 ** (1 / behind))
    assert row.auroc_difference.lower == pytest.approx(-row.auroc_difference.upper)
    assert row.auroc_difference.note.startswith(f"{AGREED}; {behind} patients do not exclude that up to")


def test_too_few_patients_have_no_auroc_but_a_count() -> None:
    truth = np.array([1] * 18 + [0] * 40)
    patients = np.repeat(np.arange(29), 2)  # nine with the finding
    scores = np.linspace(0, 1, 58)
    before, (row,) = stress_of_finding(truth, scores, scores[None] / 2, patients=patients, operating_point=0.5)
    for found in (before, row.auroc, row.auroc_difference):
        assert found.value is None and found.note.startswith("too few patients: 9 with the finding and 20 without")
        assert found.patients == 29
    assert row.score_change == pytest.approx(scores.mean() / 2)


def test_the_same_again_gives_the_same_intervals() -> None:
    truth, scores, patients = _cases()
    runs = [
        stress_of_finding(truth, scores, 1 - scores[None], patients=patients, operating_point=0.5) for _ in range(2)
    ]
    assert runs[0] == runs[1]
