"""What readers say of cases; an opinion is given once, and blind where the model's say was never sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.gateway.principal import Principal
from serving.gateway.problems import CONFLICT, INVALID, ProblemError
from serving.gateway.schemas.feedback import Feedback, FeedbackRequest
from serving.gateway.storage import documents, shown, triage
from serving.gateway.storage.audit_trail import AuditTrail
from serving.gateway.storage.case_access import CaseAccess
from serving.gateway.storage.new_case import new_id
from serving.gateway.storage.tables import FeedbackRow, PredictionRow


class KeptFeedback:
    """The feedback on a store's cases; `Store.feedback`. It is read with its case.

    Args:
        access: opens the cases.
        audit: where it is noted who said what.
        clock: returns the time, with its zone.
    """

    def __init__(self, access: CaseAccess, audit: AuditTrail, *, clock: Callable[[], datetime]) -> None:
        self._access = access
        self._audit = audit
        self._clock = clock

    def add(self, case_id: str, principal: Principal, request: FeedbackRequest) -> Feedback:
        """Keeps what a reader says of a case, which counts as read from now on.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's; INVALID, the prediction that is
                named is none of this case's, or a text has a character that no text has; CONFLICT, an opinion of a
                reader who left feedback on the case before.
        """
        with self._access.writing(case_id, principal) as (session, row):
            kept = _added_row(session, case_id, principal, request, self._clock())
            row.read = True
            triage.sort_again(row)
            told = {"feedback": kept.id, "kind": kept.kind, "labels": kept.labels, "prediction": kept.prediction_id}
            blind = {} if kept.blind is None else {"blind": kept.blind}
            self._audit.append(session, principal, "feedback", case_id, {**told, **blind})
            return documents.opinion(kept, principal)


def _added_row(
    session: Session, case_id: str, principal: Principal, request: FeedbackRequest, now: datetime
) -> FeedbackRow:
    """Adds feedback in a session of `Database.writing`, so that of two opinions at once one is the first."""
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
