"""What a gateway kept becomes a sample: scores also of what was withheld, nothing of those whom nobody knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

from data_schemas.training_data import NAMES, NUMBERS
from evaluation.drift import drift
from evaluation.drift_reference import PublishedReference
from evaluation.served_sample import served_sample

FILM = {
    "mean": 0.5, "standard_deviation": 0.2, "sharpness": 0.03, "border_share": 0.0, "age_years": [93.5],
    "sex": "F", "manufacturer": "A", "view": "PA", "modality": "DX", "saturation": 0.1,
}  # fmt: skip


@dataclass
class Record:
    patient: str = "a"
    features: dict = field(default_factory=lambda: dict(FILM))
    scores: dict = field(default_factory=lambda: {"nodule": 0.6, "normal": 0.4})
    withheld: list = field(default_factory=list)
    out_of_scope: bool | None = False
    at: datetime = datetime(2026, 3, 1, tzinfo=timezone.utc)


def made(*records):
    return served_sample(records, {"nodule": 0.6})


def test_features_scores_and_flags_are_those_of_the_frames() -> None:
    found = made(Record(), Record(patient="b", scores={"nodule": 0.59}, out_of_scope=True), Record(patient="b"))
    sample = found.sample
    assert set(sample.columns) == {*NUMBERS, *NAMES}
    assert sample.patients.tolist() == sample.case_patients.tolist() == [0, 1, 1]
    assert sample.scores["nodule"].tolist() == [0.6, 0.59, 0.6] and list(sample.scores) == ["nodule"]
    assert sample.flags["nodule"].tolist() == [1.0, 0.0, 1.0]
    assert sample.out_of_scope.tolist() == [0.0, 1.0, 0.0]
    assert sample.columns["mean"].tolist() == [0.5] * 3 and sample.columns["sex"].tolist() == ["F"] * 3
    assert (found.images, found.patients) == (3, 2)


def test_ages_are_whole_and_capped_and_what_is_not_known_is_none() -> None:
    bare = {"mean": 0.5, "age_years": [], "sex": ""}
    columns = made(Record(), Record(features=bare)).sample.columns
    assert columns["age_years"][0] == 90 and np.isnan(columns["age_years"][1])
    assert np.isnan(columns["sharpness"][1]) and columns["sex"][1] == columns["view"][1] == "unknown"


def test_what_was_withheld_has_scores_and_what_was_never_sent_has_none() -> None:
    refused = Record(patient="b", features={}, scores={}, withheld=["modality_mismatch"], out_of_scope=None)
    twice = Record(patient="c", withheld=["out_of_distribution", "view_unknown"])
    found = made(twice, twice, refused)
    assert found.sample.withheld.tolist() == [True, True, True]
    assert found.sample.scores["nodule"].tolist()[:2] == [0.6, 0.6]
    assert np.isnan(found.sample.scores["nodule"][2]) and np.isnan(found.sample.flags["nodule"][2])
    assert (found.images, found.patients) == (2, 2)
    # Patients, not frames.
    assert found.withheld == {"out_of_distribution": 1, "view_unknown": 1, "modality_mismatch": 1}


def test_a_model_that_cannot_say_what_is_out_of_scope_has_no_such_column() -> None:
    assert made(Record(out_of_scope=None)).sample.out_of_scope.tolist() == []
    assert np.isnan(made(Record(out_of_scope=None), Record()).sample.out_of_scope[0])


def test_records_of_nobody_known_are_left_out_and_counted() -> None:
    found = made(Record(patient=""), Record(patient=""), Record())
    assert (found.nameless, found.images, found.patients) == (2, 1, 1)


def test_the_first_and_the_last_time_are_kept_whatever_the_order() -> None:
    days = [datetime(2026, 3, day, tzinfo=timezone.utc) for day in (3, 1, 2)]
    found = made(*(Record(at=day) for day in days))
    assert (found.first, found.last) == (days[1], days[0])


def test_nothing_at_all_can_be_looked_at() -> None:
    found = made()
    assert (found.images, found.patients, found.first, found.last) == (0, 0, None, None)
    assert not any(one.alerted or one.distance is not None for one in drift(PublishedReference(None, {}), found.sample))
