"""Asks a model about a case, all of it of one version, and keeps what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from data_schemas.errors import ModelVersionUnknown
from data_schemas.task_file import task_to_json
from serving.gateway.asking import Answers, Asked, AtHand, answers_to, learnt
from serving.gateway.case_prediction import prediction_of
from serving.gateway.decoding_pool import DecodingPool, FileRefusedError
from serving.gateway.findings import judged_scores
from serving.gateway.observability.metrics import Metrics
from serving.gateway.prepared import Prepared, Refusal, prepared
from serving.gateway.principal import Principal
from serving.gateway.problems import ProblemError
from serving.gateway.schemas.cases import Case, CaseSummary
from serving.gateway.schemas.predictions import Declared, Prediction
from serving.gateway.served_models import Current, ServedModel, unavailable
from serving.gateway.settings import GatewaySettings
from serving.gateway.storage.new_image import ServedImage
from serving.gateway.storage.store import Store
from serving.gateway.version_facts import VersionFacts
from serving.gateway.work_folders import WorkFolders

_ATTEMPTS = 3
"""Times that a case is begun anew because the server took its version away meanwhile."""


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
            return AtHand(current, answers_to(made.items(), model, current.version, request_id))
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
    ) -> Asked:
        """Begins anew where the server takes the version away before the case is done."""
        if at_hand is not None:
            with suppress(ModelVersionUnknown):
                if isinstance(at_hand.answers, ProblemError):
                    raise at_hand.answers
                return learnt(at_hand.current, at_hand.answers, case, model, request_id)
        for _ in range(_ATTEMPTS):
            current = model.current(request_id)
            try:
                answers = self._answers_anew(current, case, principal, model, declared, request_id)
                return learnt(current, answers, case, model, request_id)
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
    ) -> Answers:
        with self._folders.folder() as folder:
            made = self._prepare(case, principal, task_to_json(current.description.task), declared, folder)
            return answers_to(made, model, current.version, request_id)

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

    def _prediction(self, asked: Asked, name: str, declared: Declared, case: Case) -> Prediction:
        return prediction_of(
            asked,
            case,
            declared,
            version=self._facts.version(name, asked.current),
            evaluation=self._facts.evaluation(asked.current.description.task.name, asked.current.version),
            policy=self._withhold,
            at=self._clock(),
        )
