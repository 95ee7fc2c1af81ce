"""A model's outputs as the API tells them: findings, and whether an image is what the model was made for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data_schemas.description import ModelDescription
from data_schemas.served_evaluation import ServedEvaluation
from serving.gateway.schemas.base import Check
from serving.gateway.schemas.predictions import Finding, Scope
from serving.gateway.version_facts import interval
from serving.gateway.withholding import Fact

Row = Mapping[str, npt.NDArray[Any]]
"""The outputs of one image or study, by name, each without its first dimension."""

_FAR = 1e9
"""Stands for a score of the scope that is no number, since JSON has none; it is out of distribution."""


def rows_of(outputs: Mapping[str, npt.NDArray[Any]]) -> list[Row]:
    """Returns the outputs of each record of a batch."""
    count = min((len(values) for values in outputs.values()), default=0)
    return [{name: values[index] for name, values in outputs.items()} for index in range(count)]


def findings_of(
    row: Row | None, description: ModelDescription, evaluation: ServedEvaluation | None, *, shown: bool
) -> list[Finding]:
    """Returns what a model says of each label.

    Args:
        row: outputs of `serving_default` or `calibrate`; None where the model was sent nothing.
        description: of the version that answered.
        evaluation: of the same; None where it is not known.
        shown: whether scores are, and all that tells them.
    """
    names = description.task.labels.names
    prevalence = _prevalences(description)
    return [
        _finding(name, index, row, shown=shown and row is not None, description=description, evaluation=evaluation)
        .model_copy(update={"prevalence": prevalence[name]})
        for index, name in enumerate(names)
    ]  # fmt: skip


def highest_by_finding(rows: Sequence[Row], description: ModelDescription) -> list[int]:
    """Returns for each label the image that speaks for it most: of the label "no finding" the one that does least.

    Args:
        rows: of the images, one at least.
        description: of the model.
    """
    labels = description.task.labels
    scores = np.stack([np.nan_to_num(row["scores"]) for row in rows])
    return [
        int(scores[:, index].argmin() if name == labels.no_finding else scores[:, index].argmax())
        for index, name in enumerate(labels.names)
    ]


def scope_of(row: Row, description: ModelDescription, used: Sequence[Fact]) -> Scope:
    """Returns whether an image is what the model was made for; a check that the task does not have is a match."""
    task, limit = description.task, description.scope
    score = float(row["out_of_scope_score"])
    threshold = None if limit is None else limit.threshold
    return Scope(
        out_of_distribution=None if threshold is None else not score <= threshold,
        score=score if math.isfinite(score) else _FAR,
        threshold=threshold,
        modality=_check(row, "modality"),
        view=_check(row, "view") if task.views else "match",
        age=_check(row, "age") if task.decisions.age_range else "match",
        declared=list(used),
    )


def judged_scores(row: Row, description: ModelDescription) -> dict[str, float]:
    """Returns the scores of each label at the calibration split's prevalence, as the test split's are."""
    scores = row.get("scores_at_calibration_prevalence", row["scores"])
    return dict(zip(description.task.labels.names, map(float, scores), strict=True))


def _finding(
    name: str,
    index: int,
    row: Row | None,
    *,
    shown: bool,
    description: ModelDescription,
    evaluation: ServedEvaluation | None,
) -> Finding:
    tested = None if evaluation is None else evaluation.findings.get(name)
    metrics = {} if tested is None else tested.metrics
    point = description.operating_points.get(name, 0.5) if row is None else float(row["operating_point"][index])
    sets = shown and row is not None and description.conformal is not None
    return Finding(
        name=name,
        probability=_share(float(row["scores"][index])) if shown and row is not None else None,
        prevalence=0.0,
        deployment=bool(description.deployment_prevalence),
        operating_point=_share(point),
        flagged=bool(row["flag"][index]) if shown and row is not None else None,
        in_set=bool(row["prediction_set"][index]) if sets and row is not None else None,
        absence_in_set=bool(row["absence_set"][index]) if sets and row is not None and "absence_set" in row else None,
        sensitivity=interval(metrics.get("sensitivity")),
        specificity=interval(metrics.get("specificity")),
        is_finding=name in description.task.labels.findings,
    )


def _prevalences(description: ModelDescription) -> dict[str, float]:
    """Returns the prevalence of every label; of labels that exclude each other, one may be left to be the rest."""
    told, names = description.scores_prevalence, description.task.labels.names
    rest = 1.0 - sum(told.get(name, 0.0) for name in names)
    return {name: _share(told.get(name, rest)) for name in names}


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def _check(row: Row, name: str) -> Check:
    told: Any = row[f"{name}_check"]
    text = told.decode() if isinstance(told, bytes) else str(told)
    return "match" if text == "match" else "mismatch" if text == "mismatch" else "unknown"
