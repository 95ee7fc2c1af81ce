"""Keeps what a reader says of a case; an opinion is given once, and blind where the model's say was never sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.gateway.principal import Principal
from serving.gateway.problems import CONFLICT, INVALID, ProblemError
from serving.gateway.schemas import FeedbackRequest
from serving.gateway.storage import shown
from serving.gateway.storage.new_case import new_id
from serving.gateway.storage.tables import FeedbackRow, PredictionRow


def add_feedback_row(
    session: Session, case_id: str, principal: Principal, request: FeedbackRequest, now: datetime
) -> FeedbackRow:
    """Adds feedback to the database, and returns its row.

    Args:
        session: of `Database.writing`, so that of two opinions at once one is the first.
        case_id: a case that the principal may see.
        principal: who says it.
        request: what.
        now: the time.

    Raises:
        ProblemError: INVALID, the prediction that is named is none of this case's, or a text has a character that no
            text has; CONFLICT, an opinion of a reader who left feedback on the case before.
    """
    _check(session, case_id, principal, request)
    opinion = request.kind == "opinion"
    kept = FeedbackRow(
        id=new_id(),
        case_id=case_id,
        created_at=now,
        author=principal.subject,
        kind=request.kind,
        labels=list(request.labels),
        comment=request.comment,
        prediction_id=request.prediction,
        blind=bool(shown.not_shown(session, [case_id], principal.subject)) if opinion else None,
    )
    session.add(kept)
    return kept


def _check(session: Session, case_id: str, principal: Principal, request: FeedbackRequest) -> None:
    if "\0" in request.comment + "".join(request.labels):
        raise ProblemError(INVALID, "the feedback's text has a NUL character: leave it out")
    if request.prediction is not None:
        row = session.get(PredictionRow, request.prediction)
        if row is None or row.case_id != case_id:
            detail = f"the prediction {request.prediction} is none of this case's: take one of its own"
            raise ProblemError(INVALID, detail)
    own = select(FeedbackRow.id).where(FeedbackRow.case_id == case_id, FeedbackRow.author == principal.subject)
    if request.kind == "opinion" and session.scalars(own.limit(1)).first() is not None:
        raise ProblemError(
            CONFLICT,
            "you left feedback on this case already: an opinion comes before all else that its reader says of a case, "
            "once, and is not changed; say `correct` instead",
        )
