"""Scores of probabilities and the calibration line, against scikit-learn, statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from sklearn import metrics as sk

from evaluation.probability_metrics import (
    calibration_line,
    equal_mass_bins,
    expected_calibration_error,
    log_losses,
)

Cases = tuple[NDArray, NDArray, NDArray]


def _cases(size: int = 600, *, slope: float = 0.7, shift: float = 0.4, seed: int = 2) -> Cases:
    """Returns truth, predicted probabilities and patients of three images each; predictions are off as asked."""
    generator = np.random.default_rng(seed)
    logit = generator.normal(size=size) * 1.5
    truth = generator.uniform(size=size) < 1 / (1 + np.exp(-(slope * logit + shift)))
    return truth, 1 / (1 + np.exp(-logit)), np.arange(size) // 3


def test_log_loss_is_scikit_learns_and_a_sure_error_is_finite() -> None:
    truth, probabilities, _ = _cases()
    assert log_losses(truth, probabilities).mean() == pytest.approx(sk.log_loss(truth, probabilities))
    assert np.isfinite(log_losses(np.array([True]), np.array([0.0])))


def test_the_calibration_line_is_statsmodels_with_its_clustered_variance() -> None:
    truth, probabilities, patients = _cases()
    logit = np.log(probabilities / (1 - probabilities))
    line = calibration_line(truth, probabilities, patients)
    model = sm.GLM(truth.astype(float), sm.add_constant(logit), family=sm.families.Binomial())
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": patients, "df_correction": True}, use_t=True)
    assert line.slope.value == pytest.approx(fitted.params[1], abs=1e-6)
    # Theirs corrects by (n - 1) / (n - k) too, n = 600 images.
    reach = (line.slope.upper - line.slope.lower) / 2 * np.sqrt(599 / 598)
    assert reach == pytest.approx(np.diff(fitted.conf_int()[1])[0] / 2, rel=2e-3)
    level = sm.GLM(truth.astype(float), np.ones(600), family=sm.families.Binomial(), offset=logit).fit()
    assert line.intercept.value == pytest.approx(level.params[0], abs=1e-6)


def test_the_calibration_line_holds_what_was_planted() -> None:
    truth, probabilities, patients = _cases(6000, slope=0.5, shift=0.0)
    line = calibration_line(truth, probabilities, patients)
    assert line.slope.lower <= 0.5 <= line.slope.upper < 0.7
    shifted = calibration_line(*_cases(6000, slope=1.0, shift=0.8))
    assert shifted.intercept.lower <= 0.8 <= shifted.intercept.upper and shifted.slope.upper > 1 > shifted.slope.lower


@pytest.mark.parametrize(("truth", "reason"), [([0, 0, 1, 1], "separated"), ([0, 0, 0, 0], "not defined")])
def test_what_cannot_be_fitted_has_no_slope(truth: list[int], reason: str) -> None:
    line = calibration_line(np.array(truth, bool), np.array([0.1, 0.2, 0.8, 0.9]), np.arange(4))
    assert line.slope.value is None and reason in line.slope.note


def test_a_constant_probability_has_a_level_and_no_slope() -> None:
    line = calibration_line(np.arange(40) % 2 == 0, np.full(40, 0.3), np.arange(40))
    assert line.slope.value is None and line.slope.note == "not defined: every probability is the same"
    assert line.intercept.value == pytest.approx(np.log(0.7 / 0.3))


def test_equal_mass_bins_are_alike_in_size_and_ties_stay_together() -> None:
    sizes = np.bincount(equal_mass_bins(np.linspace(0, 1, 103)))
    assert len(sizes) == 10 and sizes.min() >= 10 and sizes.max() <= 11
    assert len(np.unique(equal_mass_bins(np.repeat([0.2, 0.6], 50)))) == 2
    assert set(equal_mass_bins(np.linspace(0, 1, 9))) == {0}


def test_calibration_error_takes_off_what_chance_makes_of_it() -> None:
    """Of perfect probabilities the plain error is all chance; the correction takes off nearly half of it."""
    generator = np.random.default_rng(0)
    corrected, plain = [], []
    for _ in range(200):
        probabilities = generator.uniform(size=300)
        truth = generator.uniform(size=300) < probabilities
        corrected.append(expected_calibration_error(truth, probabilities, np.ones((1, 300)))[0])
        bins = equal_mass_bins(probabilities)
        gaps = [abs(truth[bins == one].mean() - probabilities[bins == one].mean()) for one in range(10)]
        plain.append(np.mean(gaps))
    assert np.mean(plain) > 0.045 and np.mean(corrected) < 0.6 * np.mean(plain)


def test_calibration_error_of_a_constant_offset_by_hand() -> None:
    # 1,000 cases said to be .7 of which half are true: off by .2, of which chance makes next to nothing.
    truth = np.arange(1000) % 2 == 0
    assert expected_calibration_error(truth, np.full(1000, 0.7), np.ones((1, 1000))) == pytest.approx(0.2, abs=1e-3)


def test_folded_normal_is_what_drawing_gives() -> None:
    """Ten cases a bin, off by .1: the correction equals that of 200,000 drawn normals."""
    truth, probabilities = np.arange(10) < 6, np.full(10, 0.5)
    found = expected_calibration_error(truth, probabilities, np.ones((1, 10)))[0]
    share = 6.5 / 11
    drawn = np.random.default_rng(1).normal(0.1, np.sqrt(share * (1 - share) / 9), 200_000)
    assert found == pytest.approx(max(0, 0.2 - np.abs(drawn).mean()), abs=2e-3)
