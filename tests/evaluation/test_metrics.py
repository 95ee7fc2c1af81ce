"""Metrics against scikit-learn and against tables worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as sk

from data_schemas.metrics import METRICS
from evaluation.metrics import binary_labels, class_metrics, confusion_matrix, confusion_metrics, finding_metrics

_OF_BOTH = {
    "balanced_accuracy",
    "mcc",
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
    "sensitivity_at_90_specificity",
}
_RATES = {"sensitivity", "specificity", "flag_rate", "prevalence"}


def _single(labels: NDArray, scores: NDArray, point: float = 0.5) -> dict[str, float]:
    return {name: float(value[0]) for name, value in finding_metrics(labels, scores, operating_point=point).items()}


@pytest.fixture
def cases() -> tuple[NDArray, NDArray]:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 2, 200)
    # One decimal: many ties.
    return labels, np.round(np.clip(0.3 * labels + generator.uniform(size=200), 0, 1), 1)


def test_every_metric_equals_scikit_learns(cases: tuple[NDArray, NDArray]) -> None:
    labels, scores = cases
    flagged = scores >= 0.6
    expected = {
        "auroc": sk.roc_auc_score(labels, scores),
        "average_precision": sk.average_precision_score(labels, scores),
        "accuracy": sk.accuracy_score(labels, flagged),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, flagged),
        "sensitivity": sk.recall_score(labels, flagged),
        "specificity": sk.recall_score(labels, flagged, pos_label=0),
        "ppv": sk.precision_score(labels, flagged),
        "npv": sk.precision_score(labels, flagged, pos_label=0),
        "f1": sk.f1_score(labels, flagged),
        "mcc": sk.matthews_corrcoef(labels, flagged),
        "positive_likelihood_ratio": sk.class_likelihood_ratios(labels, flagged)[0],
        "negative_likelihood_ratio": sk.class_likelihood_ratios(labels, flagged)[1],
        "flag_rate": flagged.mean(),
        "prevalence": labels.mean(),
    }
    false_positive_rates, sensitivities, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    expected["sensitivity_at_90_specificity"] = sensitivities[false_positive_rates <= 0.1 + 1e-12].max()
    assert set(METRICS) - set(expected) == {"brier", "log_loss", "calibration_intercept", "calibration_slope", "ece"}
    assert _single(labels, scores, 0.6) == pytest.approx(expected)


def test_weighted_metrics_equal_scikit_learns_with_sample_weights(cases: tuple[NDArray, NDArray]) -> None:
    labels, scores = cases
    weights = np.random.default_rng(4).multinomial(200, np.full(200, 1 / 200), size=5).astype(float)
    found = finding_metrics(labels, scores, operating_point=0.6, weights=weights)
    for draw, weight in enumerate(weights):
        assert found["auroc"][draw] == pytest.approx(sk.roc_auc_score(labels, scores, sample_weight=weight))
        expected = sk.average_precision_score(labels, scores, sample_weight=weight)
        assert found["average_precision"][draw] == pytest.approx(expected)
        assert found["mcc"][draw] == pytest.approx(sk.matthews_corrcoef(labels, scores >= 0.6, sample_weight=weight))
        assert found["f1"][draw] == pytest.approx(sk.f1_score(labels, scores >= 0.6, sample_weight=weight))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
@settings(max_examples=50, deadline=None)
def test_auroc_is_the_share_of_pairs_in_order(pairs: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([int(label) for label, _ in pairs]), np.array([score for _, score in pairs])
    compared = [(p > n) + 0.5 * (p == n) for p in scores[labels == 1] for n in scores[labels == 0]]
    found = _single(labels, scores)["auroc"]
    assert np.isnan(found) if not compared else found == pytest.approx(np.mean(compared))


def test_a_table_worked_by_hand() -> None:
    table = {"true_positives": 8.0, "false_positives": 2.0, "false_negatives": 4.0, "true_negatives": 6.0}
    found = confusion_metrics(**{name: np.array([count]) for name, count in table.items()})
    assert found["sensitivity"] == pytest.approx(8 / 12)
    assert found["specificity"] == pytest.approx(6 / 8)
    assert found["ppv"] == pytest.approx(8 / 10)
    assert found["npv"] == pytest.approx(6 / 10)
    assert found["f1"] == pytest.approx(16 / 22)
    assert found["mcc"] == pytest.approx((8 * 6 - 2 * 4) / np.sqrt(10 * 12 * 8 * 10))


def test_a_score_on_the_operating_point_is_flagged() -> None:
    assert _single(np.array([1, 0]), np.array([0.5, 0.4]), 0.5)["sensitivity"] == 1


def test_unknown_labels_count_for_nothing(cases: tuple[NDArray, NDArray]) -> None:
    labels, scores = cases
    with_unknown = np.concatenate([labels, np.full(50, -1)]), np.concatenate([scores, np.linspace(0, 1, 50)])
    assert _single(*with_unknown) == pytest.approx(_single(labels, scores))


@pytest.mark.parametrize(
    ("labels", "undefined"),
    [
        ([0, 0, 0], {"auroc", "average_precision", "sensitivity", "f1", *_OF_BOTH}),
        ([1, 1, 1], {"auroc", "specificity", *_OF_BOTH}),
        ([-1, -1, -1], {"auroc", "average_precision", "accuracy", "ppv", "npv", "f1", *_OF_BOTH, *_RATES}),
    ],
)
def test_what_is_not_defined_is_nan_and_never_zero(labels: list[int], undefined: set[str]) -> None:
    found = _single(np.array(labels), np.array([0.1, 0.6, 0.7]))
    assert {name for name, value in found.items() if np.isnan(value)} == undefined


def test_ppv_is_not_defined_where_nothing_is_flagged() -> None:
    found = _single(np.array([0, 1]), np.array([0.1, 0.2]), 0.9)
    assert np.isnan(found["ppv"]) and found["sensitivity"] == 0 and found["f1"] == 0


def test_class_metrics_equal_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 3, 90), generator.uniform(size=(90, 3))
    found = class_metrics(labels, scores)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, scores.argmax(1)))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, scores.argmax(1)))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    found = class_metrics(labels, scores, probabilities=probabilities)
    assert found["log_loss"] == pytest.approx(sk.log_loss(labels, probabilities))
    assert found["brier"] == pytest.approx(((probabilities - np.eye(3)[labels]) ** 2).sum(axis=1).mean())
    assert np.array_equal(confusion_matrix(labels, scores), sk.confusion_matrix(labels, scores.argmax(1)))


def test_balanced_accuracy_is_not_defined_without_a_class() -> None:
    found = class_metrics(np.array([0, 1, -1]), np.eye(3))
    assert np.isnan(found["balanced_accuracy"][0]) and found["accuracy"] == 1


def test_binary_labels_of_both_kinds_of_task() -> None:
    assert binary_labels(np.array([0, 2, -1, 1]), 2).tolist() == [0, 1, -1, 0]
    assert binary_labels(np.array([[1, 0], [-1, 1]]), 0).tolist() == [1, -1]
