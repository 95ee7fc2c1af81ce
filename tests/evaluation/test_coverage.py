"""Intervals hold the truth as often as they say: simulated patients with one image or five."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats
from sklearn.metrics import average_precision_score

from data_schemas.task import Labels
from evaluation.clustered_auroc import clustered_auroc
from evaluation.intervals import clustered_rate
from evaluation.probability_metrics import equal_mass_bins
from evaluation.summary import Cases, summarize

_TRIALS = 1500
_LEAST = 0.93
"""Nominal 95 %. With 1,500 trials the observed share has a standard error of .006."""
_ALIKE = 0.5
"""Correlation between the images of a patient."""

EVERY = pytest.mark.parametrize(
    ("patients", "images", "truth"),
    [(count, images, truth) for count in (30, 100, 1000) for images in (1, 5) for truth in (0.85, 0.98)],
)


def _scores(generator: np.random.Generator, patients: int, images: int) -> np.ndarray:
    """Returns standard normal scores (patients * images,), those of a patient correlated."""
    alike = _ALIKE if images > 1 else 0.0
    own = generator.normal(size=(patients, images)) * np.sqrt(1 - alike)
    return (own + generator.normal(size=(patients, 1)) * np.sqrt(alike)).ravel()


@EVERY
def test_a_rate_is_held(patients: int, images: int, truth: float) -> None:
    generator = np.random.default_rng(17)
    trials = _TRIALS if patients < 1000 else 600
    whose, everyone = np.repeat(np.arange(patients), images), np.ones(patients * images, np.bool_)
    edge, held = stats.norm.ppf(truth), 0
    for _ in range(trials):
        found = clustered_rate(_scores(generator, patients, images) < edge, everyone, whose).estimate()
        held += found.lower <= truth <= found.upper
        assert 0 <= found.lower < found.upper <= 1
    assert held / trials >= _LEAST


@EVERY
@pytest.mark.parametrize("mixed", [False, True])
def test_an_auroc_is_held(patients: int, images: int, truth: float, mixed: bool) -> None:
    """Half of the patients have the finding, or (mixed) each image may have it, whosever it is."""
    generator = np.random.default_rng(19)
    trials = _TRIALS if patients < 1000 else 400
    whose = np.repeat(np.arange(patients), images)
    distance, held = np.sqrt(2) * stats.norm.ppf(truth), 0
    for _ in range(trials):
        present = generator.uniform(size=whose.size) < 0.5 if mixed else whose < patients // 2
        scores = _scores(generator, patients, images) + distance * present
        found = clustered_auroc(present, scores, whose).estimate()
        held += found.lower <= truth <= found.upper
        assert 0 <= found.lower < found.upper <= 1
    assert held / trials >= _LEAST


@pytest.mark.parametrize(("patients", "images", "share"), [(100, 5, 0.02), (100, 1, 0.04), (400, 1, 0.02)])
def test_an_auroc_is_held_where_a_few_with_the_finding_look_wholly_normal(
    patients: int, images: int, share: float
) -> None:
    """Of the rest, .995 are ordered rightly. The logit scale alone holds the truth in 82 to 89 of 100 trials here."""
    generator, held, trials = np.random.default_rng(31), 0, 600
    whose = np.repeat(np.arange(patients), images)
    distance, truth = np.sqrt(2) * stats.norm.ppf(0.995), (1 - share) * 0.995 + share * 0.5
    present = whose < patients // 2
    for _ in range(trials):
        shows = present & (generator.uniform(size=patients) >= share)[whose]
        found = clustered_auroc(present, _scores(generator, patients, images) + distance * shows, whose).estimate()
        held += found.lower <= truth <= found.upper
    assert held / trials >= _LEAST


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.6, 0.0), (1.0, 1.0)])
def test_a_calibration_error_is_not_understated(slope: float, shift: float) -> None:
    """Predicted log odds x, true ones slope x + shift: the upper limit holds the true error, 0, .08 or .15."""
    generator, labels = np.random.default_rng(23), Labels(type="multi_label", names=("mass",))
    many = generator.normal(size=200_000) * 2
    predicted, right = special.expit(many), special.expit(slope * many + shift)
    bins = equal_mass_bins(predicted)
    truth = np.mean([abs(right[bins == one].mean() - predicted[bins == one].mean()) for one in range(10)])
    held = 0
    for _ in range(60):
        logit = generator.normal(size=150) * 2
        present = generator.uniform(size=150) < special.expit(slope * logit + shift)
        cases = Cases(np.arange(150), present[:, np.newaxis].astype(int), special.expit(logit)[:, np.newaxis])
        found = summarize(cases, labels, {"mass": 0.5}, draws=300).findings["mass"]["ece"]
        held += found.lower <= found.value <= found.upper and found.upper >= truth
    assert held / 60 >= _LEAST


@pytest.mark.parametrize(("patients", "images", "truth"), [(30, 1, 0.85), (100, 1, 0.98), (100, 5, 0.98)])
def test_an_average_precision_is_held(patients: int, images: int, truth: float) -> None:
    """Percentiles of its draws hold it in 88 to 91 of 100 trials here."""
    generator, labels = np.random.default_rng(29), Labels(type="multi_label", names=("mass",))
    distance = np.sqrt(2) * stats.norm.ppf(truth)
    many = generator.uniform(size=200_000) < 0.5
    expected = average_precision_score(many, generator.normal(size=200_000) + distance * many)
    whose = np.repeat(np.arange(patients), images)
    present = (whose < patients // 2).astype(int)
    held, trials = 0, 200
    for _ in range(trials):
        scores = _scores(generator, patients, images) + distance * present
        cases = Cases(whose, present[:, np.newaxis], scores[:, np.newaxis], probabilities=np.full((whose.size, 1), 0.5))
        found = summarize(cases, labels, {"mass": 0.5}, draws=150).findings["mass"]["average_precision"]
        held += found.lower <= expected <= found.upper
    assert held / trials >= _LEAST
