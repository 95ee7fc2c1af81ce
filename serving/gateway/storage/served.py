"""What models were sent and answered: kept for each frame, so that drift from the training data can be seen."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, delete, func, or_, select
from sqlalchemy.orm import Session

from serving.gateway.schemas.predictions import ImagePrediction, Prediction
from serving.gateway.storage.core_statements import insert_rows, table_of
from serving.gateway.storage.new_image import Features, ServedImage
from serving.gateway.storage.tables import ImageRow, ServedRow

_BATCH = 1000
_Query = TypeVar("_Query", bound=Select[Any])
_SERVED, _IMAGES = table_of(ServedRow).c, table_of(ImageRow).c
_FORGET = delete(table_of(ServedRow)).where(
    _SERVED.case_id == bindparam("case"), _SERVED.model == bindparam("asked"), _SERVED.version == bindparam("of")
)
_OWN = select(_IMAGES.patient_hash).where(_IMAGES.case_id == bindparam("case"), _IMAGES.patient_hash != "")
_THEIRS = select(_IMAGES.case_id).where(_IMAGES.patient_hash.in_(_OWN))
_KNOWN_TOKEN = (
    select(_SERVED.patient)
    .where(or_(_SERVED.case_id == bindparam("case"), _SERVED.case_id.in_(_THEIRS)), _SERVED.patient != "")
    .order_by(_SERVED.id)
    .limit(1)
)


@dataclass(frozen=True)
class ServedRecord:
    """One frame that a model was asked about.

    Attributes:
        at: when; the day alone once the case was purged.
        patient: random token that the records of one patient share while one of the patient's cases is kept.
        model, version: which was asked.
        features: of the tf.Example but its pixels, by their names in `data_schemas.features`.
        scores: of each label, 0..1, at the calibration split's prevalence, whether or not they were shown.
        flagged: findings at or above their operating point in this frame; none where scores were withheld.
        withheld: codes of what kept scores from being shown.
        out_of_scope: whether the frame looks unlike the training images to the model; None where it cannot say.
    """

    at: datetime
    patient: str
    model: str
    version: int
    features: Mapping[str, float | str | list[float]]
    scores: Mapping[str, float]
    flagged: list[str]
    withheld: list[str]
    out_of_scope: bool | None = None


@dataclass(frozen=True)
class AskedVersion:
    """How often a version was asked, and when last.

    Attributes:
        records: frames, and cases of which nothing could be sent.
        last: when.
    """

    records: int
    last: datetime


def record(session: Session, case_id: str, prediction: Prediction, served: Sequence[ServedImage]) -> None:
    """Keeps what was sent of a case, in the place of what the same version was sent of it before.

    Of a case of which nothing could be sent, because the task takes none of it, there is one record without features.

    Args:
        session: of `Database.writing`.
        case_id: the case.
        prediction: what came of it.
        served: a record for each frame.
    """
    model, version = prediction.model.name, prediction.model.version
    token = _patient_token(session, case_id)
    session.connection().execute(_FORGET, {"case": case_id, "asked": model, "of": version})
    kept = {
        "case_id": case_id,
        "at": prediction.created_at,
        "patient": token,
        "model": model,
        "version": version,
        "withheld": list(prediction.withheld.codes) if prediction.withheld else [],
    }
    if not served and prediction.withheld:
        insert_rows(session, [ServedRow(**kept, features={}, scores={}, flagged=[])])
    answers = {(one.image, one.frame): one for one in prediction.images}
    rows = [
        ServedRow(
            **kept,
            features=finite(one.features),
            scores={name: score for name, score in one.scores.items() if math.isfinite(score)},
            flagged=_flagged(answers.get((one.image, one.frame))),
            out_of_scope=_out_of_scope(answers.get((one.image, one.frame))),
        )
        for one in served
    ]
    insert_rows(session, rows)


def records(
    session: Session, *, model: str, version: int | None, since: datetime | None, until: datetime | None
) -> Iterator[ServedRecord]:
    """Yields what a model was sent from `since` on and before `until`, oldest first."""
    query = select(ServedRow).where(ServedRow.model == model)
    if version is not None:
        query = query.where(ServedRow.version == version)
    query = _within(query, since, until)
    for row in session.scalars(query.order_by(ServedRow.at, ServedRow.id).execution_options(yield_per=_BATCH)):
        yield ServedRecord(
            at=row.at,
            patient=row.patient,
            model=row.model,
            version=row.version,
            features=row.features,
            scores=row.scores,
            flagged=row.flagged,
            withheld=row.withheld,
            out_of_scope=row.out_of_scope,
        )


def asked_versions(
    session: Session, *, model: str, since: datetime | None, until: datetime | None
) -> dict[int, AskedVersion]:
    """Returns the versions of a model that were asked from `since` on and before `until`, the one asked last first."""
    columns = (ServedRow.version, func.count(), func.max(ServedRow.at), func.max(ServedRow.id))
    query = _within(select(*columns).where(ServedRow.model == model), since, until).group_by(ServedRow.version)
    last_first = sorted(session.execute(query), key=lambda row: (row[2], row[3]), reverse=True)
    return {version: AskedVersion(count, last) for version, count, last, _ in last_first}


def _within(query: _Query, since: datetime | None, until: datetime | None) -> _Query:
    if since is not None:
        query = query.where(ServedRow.at >= since)
    return query if until is None else query.where(ServedRow.at < until)


def _patient_token(session: Session, case_id: str) -> str:
    """Returns the token of a case's patient: that of other records of the patient, while their cases are there.

    A random one, and no hash: once the patient's cases are purged, not even the key leads from a record to a patient.
    """
    found = session.connection().execute(_KNOWN_TOKEN, {"case": case_id}).scalar()
    return found or secrets.token_hex(16)


def finite(features: Features) -> dict[str, Any]:
    """Returns features without numbers that JSON does not know."""
    kept: dict[str, Any] = {}
    for name, value in features.items():
        if isinstance(value, str):
            kept[name] = value
            continue
        numbers = [float(one) for one in value] if isinstance(value, Sequence) else [float(value)]
        if all(map(math.isfinite, numbers)):
            kept[name] = numbers if isinstance(value, Sequence) else numbers[0]
    return kept


def _out_of_scope(answer: ImagePrediction | None) -> bool | None:
    return None if answer is None or answer.scope.threshold is None else answer.scope.out_of_distribution


def _flagged(answer: ImagePrediction | None) -> list[str]:
    findings = answer.findings if answer else []
    return [finding.name for finding in findings if finding.is_finding and finding.flagged]
