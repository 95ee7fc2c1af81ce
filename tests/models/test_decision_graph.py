"""The decision graph against the same rules in numpy, and what a declared prevalence may and may not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from data_schemas.description import Calibration, ConformalSets, ModelDescription, Scope
from data_schemas.task import Task
from evaluation.calibration import calibrated_logits, to_probabilities
from evaluation.studies import study_scores
from models.decision_graph import DecisionGraph
from models.training_run import expected_scores
from tests.models.tasks import demo_task, multi_label_task

POINTS = {"normal": 0.5, "nodule": 0.2, "cavity": 0.45}
PREVALENCE = {"normal": 0.5, "nodule": 0.3, "cavity": 0.2}
DEPLOYED = {"normal": 0.9, "nodule": 0.08, "cavity": 0.02}


def _description(task: Task | None = None, **changes: Any) -> ModelDescription:
    values: dict[str, Any] = {
        "task": task or demo_task(),
        "operating_points": POINTS,
        "prevalence": PREVALENCE,
        "calibration": Calibration(method="temperature", slopes=(0.5,) * 3, intercepts=(0.1, -0.3, 0.2)),
        "radflow_version": "0",
    }
    return ModelDescription(**values | changes)


def _findings(**changes: Any) -> ModelDescription:
    return _description(
        multi_label_task(),
        operating_points={"a": 0.3, "b": 0.6},
        prevalence={"a": 0.4, "b": 0.1},
        calibration=Calibration(method="platt", slopes=(2.0, 0.5), intercepts=(0.5, -1.0)),
        **changes,
    )


def _logits(labels: int = 3, count: int = 400) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3, (count, labels)).astype(np.float32)


def _answer(description: ModelDescription, logits: np.ndarray) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in DecisionGraph(description).answer(tf.constant(logits)).items()}


@pytest.mark.parametrize("deployed", [None, DEPLOYED])
def test_scores_are_those_of_numpy(deployed: dict[str, float] | None) -> None:
    description, logits = _description(deployment_prevalence=deployed), _logits()
    found = _answer(description, logits)
    np.testing.assert_allclose(found["scores"], expected_scores(logits, description), atol=1e-6)
    np.testing.assert_allclose(found["scores"].sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("deployed", [None, {"a": 0.05, "b": 0.5}])
def test_scores_of_findings_are_those_of_numpy(deployed: dict[str, float] | None) -> None:
    description, logits = _findings(deployment_prevalence=deployed), _logits(2)
    np.testing.assert_allclose(_answer(description, logits)["scores"], expected_scores(logits, description), atol=1e-6)


@pytest.mark.parametrize("make", [_description, _findings])
def test_a_declared_prevalence_changes_scores_and_points_and_no_flag(make: Any) -> None:
    deployed = DEPLOYED if make is _description else {"a": 0.05, "b": 0.5}
    labels = 3 if make is _description else 2
    plain, moved = _answer(make(), _logits(labels)), _answer(make(deployment_prevalence=deployed), _logits(labels))
    assert np.abs(plain["scores"] - moved["scores"]).max() > 0.1
    np.testing.assert_array_equal(plain["flag"], moved["flag"])
    np.testing.assert_array_equal(plain["prediction_set"], moved["prediction_set"])
    # What a client would conclude from scores and points alone is the flag, but for rounding at the very edge.
    said = moved["scores"] >= moved["operating_point"]
    edge = np.abs(plain["scores"] - plain["operating_point"]) < 1e-5
    is_finding = np.array([name != "normal" for name in make().task.labels.names])
    np.testing.assert_array_equal((said | edge)[:, is_finding], (moved["flag"] | edge)[:, is_finding])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-8, 8), min_size=3, max_size=3), st.lists(st.floats(0.01, 1), min_size=3, max_size=3))
def test_scores_and_points_agree_with_the_flag_at_any_prevalence(logits: list[float], shares: list[float]) -> None:
    deployed = dict(zip(PREVALENCE, np.array(shares) / sum(shares), strict=True))
    found = _answer(_description(deployment_prevalence=deployed), np.array([logits], np.float32))
    before, points = found["scores_at_calibration_prevalence"], np.array([list(POINTS.values())])
    apart = np.abs(before - points) > 1e-4
    said = (found["scores"] >= found["operating_point"]) & [False, True, True]
    np.testing.assert_array_equal(said[apart], found["flag"][apart])


def test_no_finding_is_never_flagged() -> None:
    found = _answer(_description(), np.array([[9.0, 0, 0]], np.float32))
    assert found["scores"][0, 0] > POINTS["normal"]
    assert found["flag"].tolist() == [[False, False, False]]


def test_a_label_is_in_the_set_up_to_its_threshold_and_always_without_one() -> None:
    sets = ConformalSets(coverage=0.9, thresholds=(0.5, 0.9, None), patients=(20, 20, 3))
    logits = np.log(np.array([[0.6, 0.3, 0.1], [0.4, 0.05, 0.55]], np.float32))
    found = _answer(_description(conformal=sets), logits)
    # The network's own probabilities: 0.6 and 0.3 fit; then 0.4 is too little for 0.5, 0.05 for 0.9.
    assert found["prediction_set"].tolist() == [[True, True, True], [False, False, True]]


def test_presence_and_absence_of_a_finding_are_excluded_apart() -> None:
    sets = ConformalSets(
        coverage=0.9, thresholds=(0.6, None), patients=(20, 1), absent_thresholds=(0.3, 0.3), absent_patients=(20, 20)
    )
    logits = np.log(np.array([[0.35, 0.2]]) / np.array([[0.65, 0.8]])).astype(np.float32)
    found = _answer(_findings(conformal=sets), logits)
    # Of a: presence fits by 0.35, less than the 0.4 that are needed; absence needs at most 0.3 of presence. Neither
    # is in.
    assert found["prediction_set"].tolist() == [[False, True]]
    assert found["absence_set"].tolist() == [[False, True]]


def test_every_output_has_a_row_an_image_and_none_of_no_images() -> None:
    for count in (0, 1, 5):
        found = _answer(_description(deployment_prevalence=DEPLOYED), _logits(count=400)[:count])
        assert {value.shape[0] for value in found.values()} == {count}


def _scope(task: Task, headers: list[tuple[str, str, float]], scores: list[float], threshold: float | None) -> dict:
    description = _description(task, scope=Scope(threshold=threshold, in_scope_share=0.98, patients=50))
    modalities, views, ages = zip(*headers, strict=True)
    features = {"modality": tf.constant(modalities), "view": tf.constant(views), "age_years": tf.constant(ages)}
    found = DecisionGraph(description).scope(tf.constant(scores), features)
    return {name: value.numpy().tolist() for name, value in found.items()}


def test_header_rules_say_match_mismatch_or_unknown() -> None:
    task = demo_task(decisions={"age_range": (1, 5)})
    headers = [
        ("DX", "PA", 1.0),
        ("CT", "LL", 45.0),
        ("unknown", "", float("nan")),
        ("CR", "AP", 5.9),
        ("CR", "PA", 6.0),
    ]
    found = _scope(task, headers, [0.0] * 5, 1.0)
    assert found["modality_check"] == [b"match", b"mismatch", b"unknown", b"match", b"match"]
    assert found["view_check"] == [b"match", b"mismatch", b"unknown", b"match", b"match"]
    assert found["age_check"] == [b"match", b"mismatch", b"unknown", b"match", b"mismatch"]
    assert found["out_of_scope"] == [False, True, False, False, True]


def test_what_a_task_does_not_declare_is_unknown() -> None:
    found = _scope(demo_task(views=()), [("CR", "LL", 90.0)], [0.0], 1.0)
    assert (found["view_check"], found["age_check"], found["out_of_scope"]) == ([b"unknown"], [b"unknown"], [False])


def test_an_unusual_look_is_out_of_scope_where_a_threshold_could_be_set() -> None:
    headers = [("CR", "PA", 40.0)] * 2
    assert _scope(demo_task(), headers, [0.9, 1.1], 1.0)["out_of_scope"] == [False, True]
    assert _scope(demo_task(), headers, [0.9, 99.0], None)["out_of_scope"] == [False, False]


@pytest.mark.parametrize("how", ["mean", "max"])
@pytest.mark.parametrize("kind", ["multi_class", "multi_label"])
def test_a_studys_probabilities_are_those_of_numpy(kind: str, how: str) -> None:
    studies = {"unit": "study", "study_score": how}
    description = _description(demo_task(**studies)) if kind == "multi_class" else _findings()
    task = description.task if kind == "multi_class" else multi_label_task(**studies)
    raw = study_scores(_logits(len(task.labels.names)), np.arange(400) % 90, task)
    expected = to_probabilities(calibrated_logits(raw, description.calibration), kind)
    found = _answer(description, raw)
    np.testing.assert_allclose(found["scores_at_calibration_prevalence"], expected, atol=1e-6)
    np.testing.assert_array_equal(found["raw_scores"], raw)
