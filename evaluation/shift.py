"""How unlike two sets of images are, feature by feature, beside how unlike chance alone would make them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data_schemas.features import UNKNOWN
from data_schemas.training_data import FEWEST, LEVELS, NAMES, NUMBERS, RARE, Numbers, TrainingData

LEAST = 0.1
"""A distance below this is no shift, however sure it is."""


@dataclass(frozen=True)
class FeatureShift:
    """One feature, there (training) and here.

    Attributes:
        feature: its name.
        kind: whether `there` and `here` are quantiles, at `LEVELS`, or shares by value.
        there, here: what was seen, among the images on which it is known; empty where those are of too few patients.
        distance: 0..1. Of numbers: the largest difference of the two cumulative shares, at the training quantiles
            (Kolmogorov and Smirnov). Of values: half the sum of the differences of shares (total variation). None where
            either is not known.
        chance: the distance that two samples of one population, of as many patients, mostly stay under.
    """

    feature: str
    kind: Literal["numbers", "shares"]
    there: Mapping[str, float]
    here: Mapping[str, float]
    distance: float | None
    chance: float | None

    @property
    def shifted(self) -> bool:
        """Whether the difference is too large for chance, and for comfort."""
        return self.distance is not None and self.distance > max(LEAST, self.chance or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self) | {"shifted": self.shifted}


def training_data(columns: Mapping[str, NDArray[Any]], patients: NDArray[Any]) -> TrainingData:
    """Returns what images are like.

    Args:
        columns: by feature of `NUMBERS` float (images,), nan where not known, of `NAMES` text (images,).
        patients: (images,), whose they are.
    """
    return TrainingData(
        images=len(patients),
        patients=len(np.unique(patients)),
        numbers={name: _numbers(columns[name], patients) for name in NUMBERS},
        shares={name: _shares(columns[name], patients) for name in NAMES},
    )


def shifts(there: TrainingData, columns: Mapping[str, NDArray[Any]], patients: NDArray[Any]) -> list[FeatureShift]:
    """Returns every feature's shift.

    Args:
        there: the training data.
        columns: here, as `training_data` takes them.
        patients: (images,), whose they are.
    """
    numbers = [_of_numbers(name, there, columns[name], patients) for name in NUMBERS if name in there.numbers]
    return [
        *numbers,
        *(_of_shares(name, there, columns[name], patients) for name in NAMES if name in there.shares),
    ]


def _numbers(values: NDArray[Any], patients: NDArray[Any]) -> Numbers:
    known = np.isfinite(values)
    if len(np.unique(patients[known])) < FEWEST:
        return Numbers(known=int(known.sum()))
    return Numbers(known=int(known.sum()), quantiles=tuple(np.quantile(values[known], LEVELS).tolist()))


def _shares(values: NDArray[Any], patients: NDArray[Any]) -> dict[str, float]:
    """Returns each value's share; values of too few patients are one."""
    found: dict[str, float] = {}
    for value in np.unique(values):
        of_value = values == value
        name = str(value) if len(np.unique(patients[of_value])) >= FEWEST else RARE
        found[name] = found.get(name, 0.0) + float(of_value.mean())
    return found


def _of_numbers(name: str, training: TrainingData, values: NDArray[Any], patients: NDArray[Any]) -> FeatureShift:
    there, here = training.numbers[name], _numbers(values, patients)
    labels = [f"{level:.0%}" for level in LEVELS]
    distance = chance = None
    if there.quantiles and here.quantiles:
        known = np.isfinite(values)
        here_below = np.searchsorted(np.sort(values[known]), there.quantiles, side="right") / known.sum()
        # A value that many images share is one step of both; beside it nothing can be said.
        steps = [index for index in range(len(LEVELS)) if there.quantiles.count(there.quantiles[index]) == 1]
        distance = max((abs(here_below[index] - LEVELS[index]) for index in steps), default=0.0)
        chance = 1.36 * _spread(training.patients, len(np.unique(patients[known])))
    return FeatureShift(
        name,
        "numbers",
        dict(zip(labels, there.quantiles, strict=False)),
        dict(zip(labels, here.quantiles, strict=False)),
        None if distance is None else float(distance),
        chance,
    )


def _of_shares(name: str, training: TrainingData, values: NDArray[Any], patients: NDArray[Any]) -> FeatureShift:
    """Compares shares among what is known; values that training saw too rarely to name are one value here too."""
    of_known = 1.0 - training.shares[name].get(UNKNOWN, 0.0)
    there = {value: share / of_known for value, share in training.shares[name].items() if value != UNKNOWN}
    known = values != UNKNOWN
    count = len(np.unique(patients[known]))
    if not there or count < FEWEST:
        return FeatureShift(name, "shares", there, {}, None, None)
    named = np.array([value if value in there else RARE for value in values[known].astype(str)])
    here = {value: float((named == value).mean()) for value in sorted({*there, *named.tolist()})}
    distance = sum(abs(share - there.get(value, 0.0)) for value, share in here.items()) / 2
    deviations = sum(math.sqrt(max(0.0, share * (1 - share))) for share in there.values())
    # Twice what is expected of samples whose shares are normal about those of the population.
    chance = deviations * math.sqrt(2 / math.pi) * _spread(training.patients * of_known, count)
    return FeatureShift(name, "shares", there, here, distance, chance)


def _spread(first: float, second: float) -> float:
    """Returns how far two samples of so many patients lie apart, in units of one patient's deviation."""
    return math.sqrt(1 / first + 1 / second)
