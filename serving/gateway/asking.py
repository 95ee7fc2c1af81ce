"""What one version of a model answers to what is sent of a case's files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.studies import study_scores
from serving.gateway.findings import Row, rows_of
from serving.gateway.prepared import Prepared, PreparedFrame, Refusal
from serving.gateway.problems import MODEL_REFUSED, ProblemError
from serving.gateway.schemas.cases import Case
from serving.gateway.schemas.images import Image
from serving.gateway.served_models import Current, ServedModel

_BATCH = 16
"""Frames of one call: few enough for the server's memory, enough that calls do not cost more than the network."""


@dataclass(frozen=True)
class Judged:
    """One frame that the model was sent, and what it answered."""

    image: Image
    frame: PreparedFrame
    row: Row


@dataclass(frozen=True)
class Refused:
    """An image that the model's task does not take."""

    image: Image
    refusal: Refusal


@dataclass(frozen=True)
class Asked:
    """All that was learnt of a case from one version."""

    current: Current
    judged: list[Judged]
    refused: list[Refused]
    study: Row | None


@dataclass(frozen=True)
class Answered:
    """One frame that the model was sent, by the number of its file, and what it answered."""

    file: int
    frame: PreparedFrame
    row: Row


@dataclass(frozen=True)
class Answers:
    """What a version answered to what it was sent of files, and why it was sent nothing of others, by their number."""

    answered: list[Answered]
    refused: dict[int, Refusal]


@dataclass(frozen=True)
class AtHand:
    """What the model said of the files of an upload while they were stored, or what was wrong; `Predictor.at_hand`."""

    current: Current
    answers: Answers | ProblemError


def answers_to(made: Iterable[tuple[int, Prepared]], model: ServedModel, version: int, request_id: str) -> Answers:
    """Returns what a version answers to what is sent of files; never more is read of them than one call takes.

    Args:
        made: what it is sent of each file, by the file's number.
        model: whom.
        version: the one to ask.
        request_id: goes to the model server.

    Raises:
        ModelVersionUnknown: the version is not served any more.
        ProblemError: UNAVAILABLE, the server is away; MODEL_REFUSED.
    """
    found = Answers([], {})
    batch: list[tuple[int, PreparedFrame, bytes]] = []
    for file, one in made:
        if one.refusal is not None:
            found.refused[file] = one.refusal
        for frame, serialized in one.examples():
            batch.append((file, frame, serialized))
            if len(batch) == _BATCH:
                found.answered.extend(_answered(batch, model, version, request_id))
                batch = []
    if batch:
        found.answered.extend(_answered(batch, model, version, request_id))
    return found


def _answered(
    batch: Sequence[tuple[int, PreparedFrame, bytes]], model: ServedModel, version: int, request_id: str
) -> list[Answered]:
    examples = [serialized for _, _, serialized in batch]
    answer = model.ask(request_id, lambda client: client.predict(examples, version=version))
    rows = _checked(answer.outputs, len(batch))
    return [Answered(file, frame, row) for (file, frame, _), row in zip(batch, rows, strict=True)]


def learnt(current: Current, answers: Answers, case: Case, model: ServedModel, request_id: str) -> Asked:
    """Returns what was learnt of a case's images; of its files, some may have given none in the end.

    Args:
        current: the version that answered.
        answers: to what it was sent of files.
        case: with its images.
        model: asked once more, of the study, where the task judges studies.
        request_id: goes to the model server.

    Raises:
        ModelVersionUnknown: the version is not served any more.
        ProblemError: UNAVAILABLE, the server is away; MODEL_REFUSED.
    """
    images = {image.file: image for image in case.image_list}
    judged = [Judged(images[one.file], one.frame, one.row) for one in answers.answered if one.file in images]
    refused = [Refused(images[file], refusal) for file, refusal in answers.refused.items() if file in images]
    study = None
    if current.description.task.unit == "study" and judged:
        study = _study_row(judged, current, model, request_id)
    return Asked(current, judged, refused, study)


def _study_row(judged: Sequence[Judged], current: Current, model: ServedModel, request_id: str) -> Row:
    """Returns what the same version says of the study that images make together."""
    raw_scores = np.stack([one.row["raw_scores"] for one in judged])
    scores = study_scores(raw_scores, np.zeros(len(judged), np.int64), current.description.task)
    answer = model.ask(request_id, lambda client: client.calibrate(scores, version=current.version))
    return _checked(answer.outputs, 1)[0]


def _checked(outputs: Mapping[str, Any], count: int) -> list[Row]:
    rows = rows_of(outputs)
    if len(rows) != count or not np.isfinite(outputs["scores"]).all():
        raise ProblemError(MODEL_REFUSED, "the model answered with scores that are no numbers: none is shown")
    return rows
