"""From images to studies: what a study's score, label and groups are, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evaluation.calibration import to_probabilities
from evaluation.studies import StudyCases, study_labels, study_numbers, study_scores, study_values, to_studies
from tests.models.tasks import demo_task, multi_label_task

CLASSES = demo_task(unit="study").labels
FINDINGS = multi_label_task(unit="study").labels
NORMAL, NODULE, CAVITY = range(3)


def _label(*images: int) -> tuple[int, bool]:
    """Returns the label of the one study that images make, and whether they contradict each other."""
    labels, conflicting = study_labels(np.array(images), np.zeros(len(images), int), CLASSES)
    return int(labels[0]), bool(conflicting[0])


def _studies(**changes: Any) -> StudyCases:
    """Returns the two studies of three images: P has the first and the last, Q the one between."""
    given = {
        "patients": np.array(["P", "Q", "P"]),
        "studies": np.array(["1", "1", "1"]),
        "labels": np.array([NORMAL, CAVITY, NODULE]),
        "raw_scores": np.array([[1.0, 0.0, -2.0], [0.0, 1.0, 3.0], [3.0, 4.0, 1.0]], np.float32),
        "groups": {"view": np.array(["PA", "AP", "LL"]), "sex": np.array(["F", "unknown", "F"])},
        "task": demo_task(unit="study"),
    }
    return to_studies(**(given | changes))


def test_images_of_a_study_are_one_case_and_one_name_of_two_patients_is_two_studies() -> None:
    found = _studies()
    assert (found.patients.tolist(), found.studies.tolist()) == (["P", "Q"], ["1", "1"])
    assert (found.images.tolist(), found.left_out) == ([2, 1], ())
    assert found.labels.tolist() == [NODULE, CAVITY]
    assert found.raw_scores.dtype == np.float32
    np.testing.assert_array_equal(found.raw_scores, [[2.0, 2.0, -0.5], [0.0, 1.0, 3.0]])
    assert {name: values.tolist() for name, values in found.groups.items()} == {
        "view": ["mixed", "AP"],
        "sex": ["F", "unknown"],
    }


def test_studies_stand_in_the_order_of_their_first_images() -> None:
    numbers, first = study_numbers(np.array(["b", "a", "b", "a", "b"]), np.array(["2", "1", "1", "1", "2"]))
    assert (numbers.tolist(), first.tolist()) == ([0, 1, 2, 1, 0], [0, 1, 2])


def test_a_study_of_two_findings_is_left_out_and_named_where_labels_exclude_each_other() -> None:
    found = _studies(labels=np.array([CAVITY, CAVITY, NODULE]), studies=np.array(["1", "2", "1"]))
    assert (found.left_out, found.patients.tolist(), found.labels.tolist()) == (("1",), ["Q"], [CAVITY])
    assert [len(part) for part in (found.raw_scores, found.images, found.groups["view"])] == [1, 1, 1]


def test_names_may_be_bytes_as_records_have_them() -> None:
    named = {"patients": np.array([b"P", b"Q", b"P"]), "studies": np.array([b"1", b"1", b"1"])}
    assert _studies(**named).raw_scores.tolist() == _studies().raw_scores.tolist()
    assert _studies(**named, labels=np.array([CAVITY, CAVITY, NODULE])).left_out == ("1",)


@pytest.mark.parametrize(
    ("images", "label"),
    [
        ((NORMAL, NORMAL), NORMAL),
        ((NORMAL, NODULE, NORMAL), NODULE),
        ((CAVITY, CAVITY), CAVITY),
        ((NODULE, -1), NODULE),
        ((NORMAL, -1), -1),
        ((-1, -1), -1),
    ],
)
def test_one_finding_on_any_image_is_the_studys(images: tuple[int, ...], label: int) -> None:
    assert _label(*images) == (label, False)


def test_two_findings_contradict_each_other() -> None:
    assert _label(NORMAL, NODULE, CAVITY) == (-1, True)


def test_without_a_label_for_no_finding_all_images_must_agree() -> None:
    labels = CLASSES.model_copy(update={"no_finding": None})
    found, conflicting = study_labels(np.array([NORMAL, NODULE, CAVITY, CAVITY]), np.array([0, 0, 1, 1]), labels)
    assert (found[1], conflicting.tolist()) == (CAVITY, [True, False])


def test_a_finding_is_present_if_on_any_image_and_else_unknown_if_on_any() -> None:
    images = np.array([[1, 0], [0, -1], [-1, 0], [0, 0], [1, -1]], np.float32)
    found, conflicting = study_labels(images, np.array([0, 0, 1, 1, 2]), FINDINGS)
    assert found.tolist() == [[1, -1], [-1, 0], [1, -1]]
    assert found.dtype == np.float32 and not conflicting.any()


def test_the_highest_of_findings_is_each_ones() -> None:
    logits, numbers = np.array([[1.0, -3.0], [0.5, -2.0], [-1.0, 7.0]]), np.array([0, 0, 1])
    task = multi_label_task(unit="study", study_score="max")
    assert study_scores(logits, numbers, task).tolist() == [[1.0, -2.0], [-1.0, 7.0]]


def test_the_highest_of_classes_is_the_log_odds_against_no_finding() -> None:
    # Log odds of the two images: nodule -1 and 1, cavity -3 and -2.
    logits, task = np.array([[1.0, 0.0, -2.0], [3.0, 4.0, 1.0]]), demo_task(unit="study", study_score="max")
    assert study_scores(logits, np.zeros(2, int), task).tolist() == [[0.0, 1.0, -2.0]]


@pytest.mark.parametrize("how", ["mean", "max"])
def test_what_no_probability_shows_changes_no_study(how: str) -> None:
    rng = np.random.default_rng(0)
    logits, numbers = rng.normal(size=(20, 3)), rng.integers(0, 5, 20)
    task, moved = demo_task(unit="study", study_score=how), logits + rng.normal(size=(20, 1))
    before, after = (to_probabilities(study_scores(each, numbers, task), "multi_class") for each in (logits, moved))
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("how", ["mean", "max"])
@pytest.mark.parametrize("task_of", [demo_task, multi_label_task])
def test_studies_of_one_image_have_its_probabilities_and_the_order_of_images_is_none(task_of: Any, how: str) -> None:
    task, rng = task_of(unit="study", study_score=how), np.random.default_rng(1)
    logits = rng.normal(size=(12, len(task.labels.names))).astype(np.float32)
    alone = study_scores(logits, np.arange(12), task)
    kind = task.labels.type
    np.testing.assert_allclose(to_probabilities(alone, kind), to_probabilities(logits, kind), atol=1e-6)
    numbers, shuffled = np.arange(12) % 4, rng.permutation(12)
    found = study_scores(logits[shuffled], numbers[shuffled], task)
    np.testing.assert_array_equal(found, study_scores(logits, numbers, task))


def test_values_that_are_not_known_have_no_say() -> None:
    values = np.array(["F", "unknown", "F", "M", "unknown", "a longer one"], object)
    numbers = np.array([0, 0, 1, 1, 2, 3])
    assert study_values(values, numbers).tolist() == ["F", "mixed", "unknown", "a longer one"]


def test_no_image_is_no_study() -> None:
    none = np.empty(0, str)
    found = _studies(
        patients=none, studies=none, labels=np.empty(0, int), raw_scores=np.empty((0, 3)), groups={"sex": none}
    )
    assert (len(found.patients), found.raw_scores.shape, found.groups["sex"].tolist()) == (0, (0, 3), [])
