"""Asks a model about a case, all of it of one version, and says what came of it as the API does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from data_schemas.errors import ModelVersionUnknown
from data_schemas.served_evaluation import ServedEvaluation
from data_schemas.task_file import task_to_json
from evaluation.studies import study_scores
from serving.gateway.decoding_pool import DecodingPool, FileRefusedError
from serving.gateway.findings import Row, findings_of, highest_by_finding, judged_scores, rows_of, scope_of
from serving.gateway.model_note import NOTE
from serving.gateway.observability.metrics import Metrics
from serving.gateway.prepared import Prepared, PreparedFrame, Refusal, prepared
from serving.gateway.principal import Principal
from serving.gateway.problems import MODEL_REFUSED, ProblemError
from serving.gateway.schemas.cases import Case, CaseSummary
from serving.gateway.schemas.images import Image
from serving.gateway.schemas.predictions import Declared, Finding, ImagePrediction, Prediction, Withheld, WithheldCode
from serving.gateway.served_models import Current, ServedModel, unavailable
from serving.gateway.settings import GatewaySettings
from serving.gateway.storage.new_case import new_id
from serving.gateway.storage.new_image import ServedImage
from serving.gateway.storage.store import Store
from serving.gateway.version_facts import VersionFacts
from serving.gateway.withholding import (
    ORDER,
    facts_used,
    refusal_code,
    refused_scope,
    scope_codes,
    sentence,
    withheld,
)
from serving.gateway.work_folders import WorkFolders

_BATCH = 16
"""Frames of one call: few enough for the server's memory, enough that calls do not cost more than the network."""
_ATTEMPTS = 3
"""Times that a case is begun anew because the server took its version away meanwhile."""


@dataclass(frozen=True)
class _Judged:
    """One frame that the model was sent, and what it answered."""

    image: Image
    frame: PreparedFrame
    row: Row


@dataclass(frozen=True)
class _Refused:
    """An image that the model's task does not take."""

    image: Image
    refusal: Refusal


@dataclass(frozen=True)
class _Asked:
    """All that was learnt of a case from one version."""

    current: Current
    judged: list[_Judged]
    refused: list[_Refused]
    study: Row | None


@dataclass(frozen=True)
class _Answered:
    """One frame that the model was sent, by the number of its file, and what it answered."""

    file: int
    frame: PreparedFrame
    row: Row


@dataclass(frozen=True)
class _Answers:
    """What a version answered to what it was sent of files, and why it was sent nothing of others, by their number."""

    answered: list[_Answered]
    refused: dict[int, Refusal]


@dataclass(frozen=True)
class AtHand:
    """What the model said of the files of an upload while they were stored, or what was wrong; `Predictor.at_hand`."""

    current: Current
    answers: _Answers | ProblemError


class Predictor:
    """Predicts cases; may be used from many threads.

    Args:
        store: keeps what comes of it.
        decoding: its workers make of a file what a model is sent.
        folders: for what is there only meanwhile.
        facts: test results and approvals.
        settings: the policy of what withholds scores.
        metrics: count outcomes.
        clock: returns the time, with its zone.
    """

    def __init__(
        self,
        store: Store,
        decoding: DecodingPool,
        folders: WorkFolders,
        facts: VersionFacts,
        settings: GatewaySettings,
        metrics: Metrics,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._decoding, self._folders, self._facts = store, decoding, folders, facts
        self._withhold, self._metrics, self._clock = settings.withhold, metrics, clock

    def at_hand(
        self, model: ServedModel, current: Current, made: Mapping[int, Prepared], request_id: str
    ) -> AtHand | None:
        """Asks a model about files before there is a case of them.

        Args:
            model: whom.
            current: the version.
            made: what it is sent of each file, by the file's number.
            request_id: goes to the model server.

        Returns:
            What `predict` takes; None where the version is not served any more.
        """
        try:
            return AtHand(current, _answers(made.items(), model, current.version, request_id))
        except ModelVersionUnknown:
            return None
        except ProblemError as problem:
            return AtHand(current, problem)

    def predict(
        self,
        case: Case,
        principal: Principal,
        model: ServedModel,
        *,
        declared: Declared,
        request_id: str,
        at_hand: AtHand | None = None,
        sent: bool = True,
    ) -> tuple[Prediction, CaseSummary]:
        """Asks a model about a case, keeps what it says, and returns that and how the case stands now.

        Call it when admitted to the workers.

        Args:
            case: with its images.
            principal: who asks.
            model: whom.
            declared: all that was stated of the case.
            request_id: goes to the model server.
            at_hand: what it said already of the case's files.
            sent: whether who asks is sent what it says.

        Raises:
            ProblemError: UNAVAILABLE, the server is away or changed the model too often; MODEL_REFUSED.
        """
        try:
            asked = self._asked(case, principal, model, declared, request_id, at_hand)
            prediction = self._prediction(asked, model.name, declared, case)
        except ProblemError as problem:
            self._metrics.prediction(model.name, None, "failed", ())
            self._store.predictions.set_failed(case.id, principal, problem.kind.name)
            raise
        description = asked.current.description
        served = [
            ServedImage(one.image.id, one.frame.number, one.frame.features, judged_scores(one.row, description))
            for one in asked.judged
        ]
        summary = self._store.predictions.add(case.id, principal, prediction, served, sent=sent)
        outcome, codes = ("withheld", prediction.withheld.codes) if prediction.withheld else ("predicted", [])
        self._metrics.prediction(model.name, prediction.model.version, outcome, codes)
        return prediction, summary

    def _asked(
        self,
        case: Case,
        principal: Principal,
        model: ServedModel,
        declared: Declared,
        request_id: str,
        at_hand: AtHand | None,
    ) -> _Asked:
        """Begins anew where the server takes the version away before the case is done."""
        if at_hand is not None:
            with suppress(ModelVersionUnknown):
                if isinstance(at_hand.answers, ProblemError):
                    raise at_hand.answers
                return _asked(at_hand.current, at_hand.answers, case, model, request_id)
        for _ in range(_ATTEMPTS):
            current = model.current(request_id)
            try:
                answers = self._answers_anew(current, case, principal, model, declared, request_id)
                return _asked(current, answers, case, model, request_id)
            except ModelVersionUnknown:
                continue
        raise unavailable("the model server changed the model again and again while this case was predicted")

    def _answers_anew(
        self,
        current: Current,
        case: Case,
        principal: Principal,
        model: ServedModel,
        declared: Declared,
        request_id: str,
    ) -> _Answers:
        with self._folders.folder() as folder:
            made = self._prepare(case, principal, task_to_json(current.description.task), declared, folder)
            return _answers(made, model, current.version, request_id)

    def _prepare(
        self, case: Case, principal: Principal, task: str, declared: Declared, folder: Path
    ) -> Iterator[tuple[int, Prepared]]:
        """Yields the number of each image's file with what is to be sent of it, made by a worker from the kept file."""
        stated = declared.model_dump(exclude_none=True)
        for number, image in enumerate(case.image_list):
            out = folder / str(number)
            out.mkdir()
            with self._store.images.file(case.id, image.id, principal) as file:
                try:
                    answer = self._decoding.submit(
                        "examples", file=str(file), out=str(out), task=task, declared=stated
                    ).result()
                    yield image.file, prepared(answer, out)
                except FileRefusedError as error:
                    yield image.file, Prepared((), out / "examples", Refusal.of(error))
            (out / "examples").unlink(missing_ok=True)

    def _prediction(self, asked: _Asked, name: str, declared: Declared, case: Case) -> Prediction:
        """Returns what the API says of what a model answered."""
        current, description = asked.current, asked.current.description
        evaluation = self._facts.evaluation(description.task.name, current.version)
        codes = _codes(asked, declared, case)
        against = codes & (self._withhold | _never_shown(asked))
        shown = not against
        return Prediction(
            id=new_id(),
            created_at=self._clock(),
            model=self._facts.version(name, current),
            unit=description.task.unit,
            withheld=_withheld(asked, against, declared, case) if against else None,
            findings=_case_findings(asked, evaluation, shown=shown),
            images=_images(asked, declared, evaluation, shown=shown),
            coverage=None if description.conformal is None else description.conformal.coverage,
            calibrated=description.calibrated,
            not_assessable=[] if evaluation is None else list(evaluation.not_assessable),
            intended_use=description.task.intended_use,
            note=_note(asked, codes - against, shown=shown),
        )


def _answers(made: Iterable[tuple[int, Prepared]], model: ServedModel, version: int, request_id: str) -> _Answers:
    """Returns what a version answers to what is sent of files; never more is read of them than one call takes."""
    found = _Answers([], {})
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
) -> list[_Answered]:
    examples = [serialized for _, _, serialized in batch]
    answer = model.ask(request_id, lambda client: client.predict(examples, version=version))
    rows = _checked(answer.outputs, len(batch))
    return [_Answered(file, frame, row) for (file, frame, _), row in zip(batch, rows, strict=True)]


def _asked(current: Current, answers: _Answers, case: Case, model: ServedModel, request_id: str) -> _Asked:
    """Returns what was learnt of a case's images; of its files, some may have given none in the end."""
    images = {image.file: image for image in case.image_list}
    judged = [_Judged(images[one.file], one.frame, one.row) for one in answers.answered if one.file in images]
    refused = [_Refused(images[file], refusal) for file, refusal in answers.refused.items() if file in images]
    study = None
    if current.description.task.unit == "study" and judged:
        study = _study_row(judged, current, model, request_id)
    return _Asked(current, judged, refused, study)


def _study_row(judged: Sequence[_Judged], current: Current, model: ServedModel, request_id: str) -> Row:
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


def _codes(asked: _Asked, declared: Declared, case: Case) -> frozenset[WithheldCode]:
    """Returns all that speaks against the scores of a case.

    An image that the task refuses is left out where others are left, as `radflow predict` does; one that the model was
    sent and that does not fit speaks against the whole case, for its score is in it.
    """
    description = asked.current.description
    found: set[WithheldCode] = set()
    for one in asked.judged:
        found |= scope_codes(scope_of(one.row, description, facts_used(one.image, declared)))
    if not asked.judged:
        found |= {refusal_code(one.refusal) for one in asked.refused}
    if any(image.burned_in_text for image in case.image_list):
        found.add("burned_in_text")
    return frozenset(found)


def _never_shown(asked: _Asked) -> frozenset[WithheldCode]:
    """Returns the codes of a case of which the model was sent nothing: whatever the policy, there are no scores."""
    return frozenset() if asked.judged else frozenset(refusal_code(one.refusal) for one in asked.refused)


def _withheld(asked: _Asked, codes: frozenset[WithheldCode], declared: Declared, case: Case) -> Withheld:
    used = {fact for image in case.image_list for fact in facts_used(image, declared)}
    refusals = [one.refusal for one in asked.refused]
    return withheld(codes, asked.current.description.task, refusals=refusals, used=used)


def _case_findings(asked: _Asked, evaluation: ServedEvaluation | None, *, shown: bool) -> list[Finding]:
    description = asked.current.description
    if asked.study is not None or not asked.judged:
        return findings_of(asked.study, description, evaluation, shown=shown)
    rows = [one.row for one in asked.judged]
    highest = highest_by_finding(rows, description)
    by_image = {index: findings_of(rows[index], description, evaluation, shown=shown) for index in set(highest)}
    return [by_image[index][label] for label, index in enumerate(highest)]


def _images(
    asked: _Asked, declared: Declared, evaluation: ServedEvaluation | None, *, shown: bool
) -> list[ImagePrediction]:
    description = asked.current.description
    judged = [
        ImagePrediction(
            image=one.image.id,
            frame=one.frame.number,
            scope=scope_of(one.row, description, facts_used(one.image, declared)),
            findings=findings_of(one.row, description, evaluation, shown=shown),
        )
        for one in asked.judged
    ]
    refused = [
        ImagePrediction(
            image=one.image.id,
            frame=1,
            scope=refused_scope(one.refusal, description, one.image, facts_used(one.image, declared)),
            findings=[],
        )
        for one in asked.refused
    ]
    return judged + refused


def _note(asked: _Asked, said: frozenset[WithheldCode], *, shown: bool) -> str:
    """Returns what is to be shown with a prediction beyond its fields."""
    task = asked.current.description.task
    parts = [NOTE]
    if asked.judged:
        parts += [f"Image {one.image.file} was left out: {one.refusal.reason}." for one in asked.refused]
    if shown:
        parts += [f"Mind that {sentence(code, task)}." for code in ORDER if code in said]
    if shown and len(asked.judged) > 1 and task.unit == "image":
        parts.append(
            "Each finding is that of the image that scores highest for it. The set's coverage and the test results "
            "hold for one image: of several, some flag is more likely than of one."
        )
    return " ".join(parts)
