"""Are the splits, and this run's data and a former run's, distributed alike? TFDV's comparators, on what it counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from data_schemas import features
from data_schemas.ingest_report import IngestReport
from data_schemas.schema import build_schema
from data_schemas.task import Task
from reports.data_check import Check

THRESHOLD = 0.1
"""Jensen-Shannon divergence, 0..1 (base 2), that matters: two normal distributions 0.75 standard deviations apart."""

FEWEST_PATIENTS = 20
"""With fewer on a side, histograms of two draws of one distribution differ by more than matters."""

_BINS = 10
"""Of the histograms that TFDV compares numbers by."""
_IDENTIFIERS = (features.EXAMPLE_ID, features.MANIFEST_ROW, features.PATIENT, features.STUDY)

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


def check_drift(
    task: Task, ingest: IngestReport, *, statistics: Mapping[str, Statistics], former: Statistics | None
) -> Iterator[Check]:
    """Yields a check for every split but `train`, and one against a former run; none where patients are too few.

    Args:
        task: its features are compared, and its policy says what blocks.
        ingest: counts the patients of each split.
        statistics: by split.
        former: `train` of the last run that other data were accepted in, or None.
    """
    blocking = task.data_policy.drift == "block"
    patients = {split: len(names) for split, names in ingest.patients.items()}
    for split in features.SPLITS[1:]:
        if split in statistics and min(patients["train"], patients[split]) >= FEWEST_PATIENTS:
            limit = _limit(patients["train"], patients[split])
            found = divergences(task, statistics[split], statistics["train"], limit=limit)
            yield _check(f"drift: {split} from train", found, limit, blocking=blocking)
    if former is not None:
        limit = _limit(patients["train"], former.datasets[0].num_examples)
        found = divergences(task, statistics["train"], former, limit=limit)
        yield _check("drift: train from a former run's", found, limit, blocking=blocking)


def divergences(task: Task, current: Statistics, previous: Statistics, *, limit: float) -> dict[str, float]:
    """Returns the Jensen-Shannon divergence of every feature that has more than `limit`, the largest first."""
    anomalies = tfdv.validate_statistics(current, _comparing(task, limit), previous_statistics=previous)
    found = {
        info.path.step[0]: max(measured.value for measured in info.drift_measurements)
        for info in anomalies.drift_skew_info
    }
    return dict(sorted(((name, value) for name, value in found.items() if value > limit), key=lambda item: -item[1]))


def _limit(patients: int, others: int) -> float:
    """Returns the divergence that is said: what matters, and what two draws of one distribution have on average.

    The latter is (bins - 1) / (8 ln 2) * (1/n + 1/m) for large n and m (Grosse et al., Physical Review E 2002).
    """
    return THRESHOLD + (_BINS - 1) / (8 * math.log(2)) * (1 / max(1, patients) + 1 / max(1, others))


def _comparing(task: Task, limit: float) -> Any:
    """Returns a schema of the task's features, without the identifiers, that compares each."""
    schema = schema_pb2.Schema()
    for feature in build_schema(task).feature:
        if feature.name not in (*_IDENTIFIERS, features.IMAGE):
            compared = schema.feature.add(name=feature.name, type=feature.type)
            compared.drift_comparator.jensen_shannon_divergence.threshold = limit
    return schema


def _check(name: str, found: Mapping[str, float], limit: float, *, blocking: bool) -> Check:
    listed = ", ".join(f"{feature} {value:.2f}" for feature, value in found.items())
    return Check(
        name=name,
        passed=not found,
        blocking=blocking,
        summary=f"Jensen-Shannon divergence above {limit:.2f}: {listed}"
        if found
        else f"no feature has a Jensen-Shannon divergence above {limit:.2f}",
        mend="look at how the two were collected: what a model learns on one may not hold on the other",
    )
