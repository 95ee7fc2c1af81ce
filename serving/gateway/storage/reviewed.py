"""Cases that readers judged, as they are exported to train on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.gateway.schemas.images import Image
from serving.gateway.schemas.predictions import Declared, Prediction
from serving.gateway.storage.documents import image, prediction
from serving.gateway.storage.tables import CaseRow, FeedbackRow, ImageRow, PredictionRow

REVIEWS = ("agree", "disagree", "correct")
"""Kinds of feedback that judge a prediction."""

_BATCH = 100
_Row = TypeVar("_Row", ImageRow, FeedbackRow, PredictionRow)


@dataclass(frozen=True)
class ReviewedImage:
    """An image of a reviewed case; `Store.images` has its bytes.

    Attributes:
        image: what the API says of it.
        sha256: of the file, in hex.
        size: of the file, in bytes.
        patient_hash, study_hash, sop_hash: keyed hashes; empty where the file names none.
    """

    image: Image
    sha256: str
    size: int
    patient_hash: str
    study_hash: str
    sop_hash: str


@dataclass(frozen=True)
class Review:
    """What one reader said of a case, as it is kept.

    Attributes:
        blind: an opinion that is known to be from before its reader was sent what a model said of the case.
    """

    id: str
    created_at: datetime
    author: str
    kind: Literal["opinion", "agree", "disagree", "correct"]
    labels: list[str]
    comment: str
    prediction: str | None
    blind: bool = False


@dataclass(frozen=True)
class ReviewedCase:
    """A case with feedback.

    Attributes:
        id, group, number, created_at, sample: of the case.
        model: which was asked last.
        declared: what a reader stated of it.
        images: in the upload's order.
        reviews, predictions: oldest first. A review names the prediction that its reader saw.
        exported_at: when it was last exported; None: never.
    """

    id: str
    group: str
    number: int
    created_at: datetime
    sample: bool
    model: str
    declared: Declared | None
    images: list[ReviewedImage]
    reviews: list[Review]
    predictions: list[Prediction]
    exported_at: datetime | None


def reviewed_cases(
    session: Session, *, model: str | None, since: datetime | None, kinds: Collection[str]
) -> Iterator[ReviewedCase]:
    """Yields the cases with feedback of certain kinds, oldest first; all of their feedback comes with them.

    Args:
        session: to read.
        model: only cases that this model was asked about last.
        since: only cases with such feedback from then on.
        kinds: of feedback.
    """
    reviewed = select(FeedbackRow.case_id).where(FeedbackRow.kind.in_(kinds))
    if since is not None:
        reviewed = reviewed.where(FeedbackRow.created_at >= since)
    query = select(CaseRow).where(CaseRow.id.in_(reviewed)).order_by(CaseRow.created_at, CaseRow.id)
    if model is not None:
        query = query.where(CaseRow.model == model)
    for rows in session.scalars(query).partitions(_BATCH):
        yield from _with_their_parts(session, rows)


def _with_their_parts(session: Session, cases: Sequence[CaseRow]) -> Iterator[ReviewedCase]:
    ids = [case.id for case in cases]
    images = _by_case(session.scalars(select(ImageRow).where(ImageRow.case_id.in_(ids)).order_by(ImageRow.position)))
    feedback = _by_case(
        session.scalars(select(FeedbackRow).where(FeedbackRow.case_id.in_(ids)).order_by(FeedbackRow.created_at))
    )
    predictions = _by_case(
        session.scalars(select(PredictionRow).where(PredictionRow.case_id.in_(ids)).order_by(PredictionRow.created_at))
    )
    for case in cases:
        yield ReviewedCase(
            id=case.id,
            group=case.group,
            number=case.number,
            created_at=case.created_at,
            sample=case.sample,
            model=case.model,
            declared=None if case.declared is None else Declared.model_validate(case.declared),
            images=[_image(row) for row in images[case.id]],
            reviews=[_review(row) for row in feedback[case.id]],
            predictions=[prediction(row) for row in predictions[case.id]],
            exported_at=case.exported_at,
        )


def _by_case(rows: Iterator[_Row]) -> dict[str, list[_Row]]:
    grouped: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        grouped[row.case_id].append(row)
    return grouped


def _image(row: ImageRow) -> ReviewedImage:
    return ReviewedImage(
        image=image(row),
        sha256=row.sha256,
        size=row.size,
        patient_hash=row.patient_hash,
        study_hash=row.study_hash,
        sop_hash=row.sop_hash,
    )


def _review(row: FeedbackRow) -> Review:
    return Review(
        id=row.id,
        created_at=row.created_at,
        author=row.author,
        kind=row.kind,  # type: ignore[arg-type]  # written from the API's own field
        labels=row.labels,
        comment=row.comment,
        prediction=row.prediction_id,
        blind=row.blind is True,
    )
