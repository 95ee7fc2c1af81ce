"""Two models on the same cases: which test images both were judged on, and what the second is worth less the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_schemas.description import ModelDescription
from data_schemas.errors import ConfigurationError
from evaluation.differences import Judged, differences
from evaluation.evaluation import Evaluation
from evaluation.intervals import DRAWS
from evaluation.judged import Records, judged_cases
from evaluation.summary import summarize


@dataclass(frozen=True)
class JudgedRun:
    """A run's test images, and what its model says of itself."""

    records: Records
    description: ModelDescription


@dataclass(frozen=True)
class Comparison:
    """Two runs on the images that both judged.

    Attributes:
        evaluation: `overall` is the second run's, `champion` the first's, `differences` second less first.
        images, patients: that both have.
        only_first, only_second: images that one run alone judged; they are left out.
    """

    evaluation: Evaluation
    images: int
    patients: int
    only_first: int
    only_second: int


def compare(first: JudgedRun, second: JudgedRun, *, draws: int = DRAWS) -> Comparison:
    """Returns paired differences over the images that both runs judged; each draw takes the same patients of both.

    Args:
        first: what is compared with.
        second: what is compared.
        draws: of the bootstrap.

    Raises:
        ConfigurationError: the tasks ask for different things, no image is shared, or shared images have other labels.
    """
    _check_tasks(first.description, second.description)
    records = _shared(first.records, second.records)
    labels = second.description.task.labels
    judged = [
        Judged(judged_cases(of_run, run.description), run.description.operating_points)
        for of_run, run in zip(records, (first, second), strict=True)
    ]
    summaries = [summarize(one.cases, labels, one.points, draws=draws) for one in judged]
    found = differences(judged[1], judged[0], labels, summaries=(summaries[1], summaries[0]), draws=draws)
    unit = second.description.task.unit
    return Comparison(
        evaluation=Evaluation(unit=unit, overall=summaries[1], champion=summaries[0], differences=found),
        images=len(records[0].ids),
        patients=len(np.unique(records[0].patients)),
        only_first=len(first.records.ids) - len(records[0].ids),
        only_second=len(second.records.ids) - len(records[1].ids),
    )


def _check_tasks(first: ModelDescription, second: ModelDescription) -> None:
    for name, one, other in (
        ("task", first.task.name, second.task.name),
        ("labels", first.task.labels, second.task.labels),
        ("unit", first.task.unit, second.task.unit),
    ):
        if one != other:
            said = f"{one!r} and {other!r}" if isinstance(one, str) else "differ"
            raise ConfigurationError(
                f"the runs cannot be compared: their {name} {said if said == 'differ' else f'is {said}'}; "
                "compare runs of one task with the same labels"
            )


def _shared(first: Records, second: Records) -> tuple[Records, Records]:
    """Returns both runs' records of the images that both have, in the same order."""
    ids, of_first, of_second = np.intersect1d(first.ids, second.ids, return_indices=True)
    if not ids.size:
        raise ConfigurationError(
            "the runs cannot be compared: they share no test image; a split of another salt, other data, or another "
            "pseudonym key makes them strangers"
        )
    shared = _taken(first, of_first), _taken(second, of_second)
    unlike = shared[0].labels != shared[1].labels
    changed = int((unlike.any(axis=1) if unlike.ndim == 2 else unlike).sum())
    if changed:
        raise ConfigurationError(
            f"the runs cannot be compared: {changed} of {ids.size} shared test images have another label in each; "
            "run the older one again on the present manifest"
        )
    return shared


def _taken(records: Records, which: NDArray[np.intp]) -> Records:
    return Records.from_arrays({name: values[which] for name, values in records.arrays().items()})
