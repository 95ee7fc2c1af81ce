"""Two models on the same cases: which are shared, what is refused, and differences that scikit-learn gives too."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from data_schemas.description import Calibration, ModelDescription
from data_schemas.errors import ConfigurationError
from data_schemas.task_file import load_task
from evaluation.judged import Records
from evaluation.paired import JudgedRun, compare

CASES = 60


def described(**changes: Any) -> ModelDescription:
    """A model of two findings that flags at .5."""
    task = load_task("synthetic_chest")
    return ModelDescription(
        task=task.model_copy(update=changes),
        operating_points=dict.fromkeys(task.labels.names, 0.5),
        prevalence=dict.fromkeys(task.labels.names, 1 / 3),
        calibration=Calibration.identity(3),
        radflow_version="0",
    )


def records(*, noise: float, seed: int = 0, ids: range = range(CASES)) -> Records:
    """Images of two a patient, whose scores know the label the less, the more noise there is."""
    index = np.arange(ids.start, ids.stop)
    labels = index % 3
    logits = np.eye(3)[labels] * 2 + np.random.default_rng(seed).normal(0, noise, (len(index), 3))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array([f"image {number:03}".encode() for number in index])
    patients = np.array([f"patient {number // 2:03}".encode() for number in index])
    return Records(patients, patients, names, labels, scores, logits, {"sex": np.array(["F", "M"])[index % 2]})


def shuffled(found: Records, seed: int = 1) -> Records:
    order = np.random.default_rng(seed).permutation(len(found.ids))
    return Records.from_arrays({name: values[order] for name, values in found.arrays().items()})


def run(**settings: Any) -> JudgedRun:
    return JudgedRun(records(**settings), described())


def test_the_difference_is_that_of_scikit_learn_and_its_interval_holds_it() -> None:
    first, second = run(noise=3.0), run(noise=1.0, seed=2)
    found = compare(first, second, draws=200)
    truth = first.records.labels == 1
    expected = sk.roc_auc_score(truth, second.records.scores[:, 1]) - sk.roc_auc_score(
        truth, first.records.scores[:, 1]
    )
    difference = (found.evaluation.differences or {})["nodule", "auroc"]
    assert difference.value == pytest.approx(expected)
    assert difference.lower < difference.value < difference.upper
    assert (found.images, found.patients, found.only_first, found.only_second) == (CASES, CASES // 2, 0, 0)


def test_images_are_matched_by_id_and_not_by_their_place() -> None:
    first, second = run(noise=3.0), run(noise=1.0, seed=2)
    moved = JudgedRun(shuffled(second.records), second.description)
    assert compare(first, second, draws=100) == compare(first, moved, draws=100)


def test_the_other_way_round_the_sign_is_the_other() -> None:
    first, second = run(noise=3.0), run(noise=1.0, seed=2)
    there, back = (
        compare(*pair, draws=100).evaluation.differences or {} for pair in ((first, second), (second, first))
    )
    one, other = there["cavity", "sensitivity"], back["cavity", "sensitivity"]
    assert (one.value, one.lower) == (pytest.approx(-other.value), pytest.approx(-other.upper))


def test_what_one_run_alone_judged_is_left_out_and_counted() -> None:
    found = compare(run(noise=1.0), run(noise=1.0, ids=range(30, 70)), draws=50)
    assert (found.images, found.only_first, found.only_second) == (30, 30, 10)
    assert found.evaluation.overall.examples == 30


def test_no_shared_image_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="share no test image"):
        compare(run(noise=1.0), run(noise=1.0, ids=range(100, 160)))


def test_another_label_of_a_shared_image_is_refused() -> None:
    first, second = run(noise=1.0), run(noise=1.0)
    changed = second.records.labels.copy()
    changed[:2] = (second.records.labels[:2] + 1) % 3
    other = dataclasses.replace(second.records, labels=changed)
    with pytest.raises(ConfigurationError, match="2 of 60 shared test images have another label"):
        compare(first, JudgedRun(other, second.description))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "another"}, "their task is 'synthetic_chest' and 'another'"),
        ({"unit": "study"}, "their unit is 'image' and 'study'"),
    ],
)
def test_other_tasks_are_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        compare(run(noise=1.0), JudgedRun(records(noise=1.0), described(**changes)))


def test_other_labels_are_refused() -> None:
    labels = load_task("synthetic_chest").labels
    swapped = labels.model_copy(update={"names": tuple(reversed(labels.names))})
    with pytest.raises(ConfigurationError, match="their labels differ"):
        compare(run(noise=1.0), JudgedRun(records(noise=1.0), described(labels=swapped)))


def test_studies_are_compared_where_the_task_judges_studies() -> None:
    """Of three studies of two images, one has findings that contradict each other, and is left out of both."""
    first, second = (
        JudgedRun(records(noise=noise), described(unit="study", study_score="mean")) for noise in (3.0, 1.0)
    )
    found = compare(first, second, draws=50)
    assert (found.images, found.evaluation.unit, found.evaluation.overall.examples) == (60, "study", 20)
