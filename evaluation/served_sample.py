"""What a gateway kept of the frames that a model was asked about, as the sample that drift is looked for in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np

from data_schemas.features import AGE_YEARS, UNKNOWN
from data_schemas.training_data import NAMES, NUMBERS
from evaluation.drift_sample import Sample, as_served_age


class Asked(Protocol):
    """One frame that a model was asked about, or a case of which nothing could be sent; it then has no features."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def patient(self) -> str:
        """What the records of one patient share; empty where that is not known."""

    @property
    def features(self) -> Mapping[str, float | str | list[float]]:
        """By name; a number that is not known is an empty list."""

    @property
    def scores(self) -> Mapping[str, float]:
        """Of each label, at the calibration split's prevalence, whether or not they were shown."""

    @property
    def withheld(self) -> Sequence[str]:
        """Codes of what kept scores from being shown."""

    @property
    def out_of_scope(self) -> bool | None:
        """Whether the frame looks unlike the training images to the model; None where it cannot say."""


@dataclass(frozen=True)
class Served:
    """What was served.

    Attributes:
        sample: its cases are frames, whatever the task's unit, as the published test scores are of images. Frames whose
            scores were withheld have them too: so have such images of the test split.
        first, last: when; None where nothing was.
        withheld: by code, patients of whom it kept scores from being shown.
        nameless: records that are left out, since nobody knows which of them are of one patient.
    """

    sample: Sample
    first: datetime | None
    last: datetime | None
    withheld: Mapping[str, int]
    nameless: int

    @property
    def images(self) -> int:
        """Frames that the model was sent."""
        return len(self.sample.patients)

    @property
    def patients(self) -> int:
        """Whose they are, and of whom nothing could be sent."""
        return len(np.unique(self.sample.case_patients))


def served_sample(records: Iterable[Asked], operating_points: Mapping[str, float]) -> Served:
    """Returns what was served; of each record a few numbers are kept.

    Args:
        records: of one version of a model.
        operating_points: by finding; at or above it a frame is flagged, whether or not that was shown.
    """
    numbers: dict[str, int] = {}
    columns: dict[str, list[Any]] = defaultdict(list)
    scores: dict[str, list[float]] = {name: [] for name in operating_points}
    withheld: dict[str, set[int]] = defaultdict(set)
    cases: list[tuple[int, bool]] = []
    first = last = None
    nameless = 0
    for record in records:
        if not record.patient:
            nameless += 1
            continue
        patient = numbers.setdefault(record.patient, len(numbers))
        first, last = min(first or record.at, record.at), max(last or record.at, record.at)
        cases.append((patient, bool(record.withheld)))
        for code in record.withheld:
            withheld[code].add(patient)
        for finding, of_finding in scores.items():
            of_finding.append(record.scores.get(finding, np.nan))
        if record.features:
            _keep_image(columns, record, patient)
    counts = {code: len(patients) for code, patients in withheld.items()}
    return Served(_sample(columns, cases, scores, operating_points), first, last, counts, nameless)


def _keep_image(columns: dict[str, list[Any]], record: Asked, patient: int) -> None:
    columns["patient"].append(patient)
    columns["out_of_scope"].append(np.nan if record.out_of_scope is None else float(record.out_of_scope))
    for name in NUMBERS:
        columns[name].append(_number(record.features.get(name)))
    for name in NAMES:
        columns[name].append(record.features.get(name) or UNKNOWN)


def _sample(
    columns: Mapping[str, list[Any]],
    cases: Sequence[tuple[int, bool]],
    listed: Mapping[str, list[float]],
    operating_points: Mapping[str, float],
) -> Sample:
    scores = {name: np.array(values, np.float64) for name, values in listed.items()}
    out_of_scope = np.array(columns.get("out_of_scope", []), np.float64)
    features = {name: np.array(columns.get(name, []), np.float64) for name in NUMBERS}
    features[AGE_YEARS] = as_served_age(features[AGE_YEARS])
    return Sample(
        patients=np.array(columns.get("patient", []), np.int64),
        columns={**features, **{name: np.array(columns.get(name, []), np.str_) for name in NAMES}},
        case_patients=np.array([patient for patient, _ in cases], np.int64),
        scores=scores,
        flags={
            name: np.where(np.isfinite(values), values >= operating_points[name], np.nan)
            for name, values in scores.items()
        },
        out_of_scope=out_of_scope if np.isfinite(out_of_scope).any() else np.zeros(0),
        withheld=np.array([held for _, held in cases], bool),
    )


def _number(value: float | str | Sequence[float] | None) -> float:
    """Returns a feature's only value, nan where there is none."""
    if isinstance(value, (int, float)):
        return float(value)
    return float(value[0]) if isinstance(value, list) and value else float("nan")
