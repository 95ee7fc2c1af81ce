"""Shift of features: alike samples are alike, a moved one is found, rare values have no name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from data_schemas.training_data import LEVELS, NAMES, NUMBERS, RARE, TrainingData
from evaluation.shift import FeatureShift, shifts, training_data


def columns(count: int, *, seed: int, **changed: Any) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {name: generator.normal(0.5, 0.1, count) for name in NUMBERS}
    found |= {name: generator.choice(["A", "B"], count) for name in NAMES}
    return found | changed


def of(found: list[FeatureShift], name: str) -> FeatureShift:
    return next(one for one in found if one.feature == name)


def compared(there: dict[str, np.ndarray], here: dict[str, np.ndarray]) -> list[FeatureShift]:
    training = training_data(there, np.arange(len(there["mean"])))
    return shifts(TrainingData.model_validate_json(training.model_dump_json()), here, np.arange(len(here["mean"])))


def test_samples_of_one_population_are_alike_19_times_in_20() -> None:
    found = [one for seed in range(60) for one in compared(columns(200, seed=seed), columns(150, seed=1000 + seed))]
    under = [one.distance <= one.chance for one in found if one.distance is not None and one.chance is not None]
    assert len(under) == 60 * (len(NUMBERS) + len(NAMES))
    assert np.mean(under) > 0.9
    assert np.mean([one.shifted for one in found]) < 0.05


def test_a_moved_number_is_found_and_its_distance_is_nearly_scipys() -> None:
    there, here = columns(400, seed=1), columns(300, seed=2)
    here["mean"] = here["mean"] + 0.1
    found = of(compared(there, here), "mean")
    assert found.shifted
    assert found.distance == pytest.approx(stats.ks_2samp(there["mean"], here["mean"]).statistic, abs=0.04)
    assert list(found.there) == list(found.here) == [f"{level:.0%}" for level in LEVELS]


def test_shares_by_hand() -> None:
    there = columns(100, seed=1, sex=np.array(["F"] * 60 + ["M"] * 40))
    here = columns(100, seed=2, sex=np.array(["F"] * 20 + ["M"] * 80))
    found = of(compared(there, here), "sex")
    assert found.distance == pytest.approx(0.4)  # (|.2 - .6| + |.8 - .4|) / 2
    # 2 sqrt(.6 .4) sqrt(2 / pi) sqrt(1 / 100 + 1 / 100)
    assert found.chance == pytest.approx(2 * 0.4898979 * 0.7978846 * 0.1414214, rel=1e-5)
    assert found.shifted


def test_a_value_that_training_never_saw_is_a_shift() -> None:
    here = columns(50, seed=2, manufacturer=np.array(["NEW"] * 50))
    found = of(compared(columns(100, seed=1), here), "manufacturer")
    assert found.here[RARE] == 1.0 and found.distance == pytest.approx(1.0) and found.shifted


def test_shares_are_those_among_what_is_known() -> None:
    there = columns(100, seed=1, sex=np.array(["F"] * 40 + ["M"] * 40 + ["unknown"] * 20))
    here = columns(60, seed=2, sex=np.array(["F"] * 15 + ["M"] * 15 + ["unknown"] * 30))
    found = of(compared(there, here), "sex")
    assert found.there == found.here == {"F": pytest.approx(0.5), "M": pytest.approx(0.5)}
    assert found.distance == pytest.approx(0.0)


def test_values_of_fewer_than_ten_patients_have_no_name() -> None:
    patients = np.array([0] * 30 + list(range(1, 71)))
    found = training_data(columns(100, seed=1, view=np.array(["LL"] * 30 + ["PA"] * 70)), patients)
    assert found.shares["view"] == {RARE: pytest.approx(0.3), "PA": pytest.approx(0.7)}
    assert found.patients == 71


def test_what_is_not_known_has_no_distance() -> None:
    nothing = np.full(100, np.nan)
    there = columns(100, seed=1, age_years=nothing, sex=np.array(["unknown"] * 100))
    found = compared(there, columns(100, seed=2))
    for name in ("age_years", "sex"):
        assert of(found, name).distance is None and not of(found, name).shifted
    back = compared(columns(100, seed=2), there)
    assert of(back, "age_years").distance is None
    assert of(back, "sex").distance is None  # not knowing is no shift
    json.dumps([one.to_json() for one in back])


def test_a_value_that_many_images_share_is_no_shift_of_itself() -> None:
    zeros = np.where(np.arange(200) < 120, 0.0, np.linspace(0.1, 0.5, 200))
    assert of(compared(columns(200, seed=1, border_share=zeros), columns(200, seed=2, border_share=zeros)),
              "border_share").distance < 0.05  # fmt: skip
