"""Cases as they are kept: uploaded, listed, looked at, stated of, deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from serving.gateway.principal import Principal
from serving.gateway.problems import INVALID, ProblemError
from serving.gateway.schemas.cases import Case, CaseList
from serving.gateway.schemas.predictions import Declared
from serving.gateway.storage import documents, retention, shown, worklist
from serving.gateway.storage.audit_trail import AuditTrail
from serving.gateway.storage.case_access import CaseAccess, of_case
from serving.gateway.storage.database import Database
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.new_case import Upload, add_case_rows, stored_images
from serving.gateway.storage.tables import FeedbackRow, ImageRow, PredictionRow

_AGE_OF_PREDICTIONS = (PredictionRow.created_at, PredictionRow.id)
_AGE_OF_FEEDBACK = (FeedbackRow.created_at, FeedbackRow.id)


class KeptCases:
    """The cases of a store; `Store.cases`.

    Args:
        database: where they are.
        images: where their files are.
        audit: where it is noted who did what to them.
        clock: returns the time, with its zone.
    """

    def __init__(
        self, database: Database, images: ImageStore, audit: AuditTrail, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._images = images
        self._audit = audit
        self._access = CaseAccess(database, audit)
        self._clock = clock

    def add(self, principal: Principal, upload: Upload) -> Case:
        """Keeps an upload and returns its case; nothing is kept where any of it fails.

        Args:
            principal: whose group has the case.
            upload: what it is.

        Raises:
            ProblemError: UNAVAILABLE, the database or the image store is away or full.
        """
        with stored_images(self._images, upload.images) as objects, self._database.writing() as session:
            now = self._clock()
            row, images = add_case_rows(session, principal, upload, objects, now)
            told = {"number": row.number, "model": row.model, "images": len(images), "rejected": len(row.rejected)}
            self._audit.append(session, principal, "upload", row.id, {**told, "sample": row.sample})
            if row.declared:
                self._audit.append(session, principal, "declare", row.id, row.declared)
        return documents.case(row, images=images, predictions=(), feedback=(), principal=principal, blind=True)

    def get(self, case_id: str, principal: Principal, *, view: bool = True, predictions: bool = True) -> Case:
        """Returns a case with all that belongs to it.

        Args:
            case_id: the case.
            principal: who asks.
            view: whether somebody sees it, which is audited; False where the gateway itself looks.
            predictions: whether what a model said is in it (`documents.hidden`); that it was sent is noted (`shown`).

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's.
        """
        opened = self._access.writing if view else self._access.reading
        with opened(case_id, principal) as (session, row):
            said = session.scalars(of_case(PredictionRow, case_id).order_by(*_AGE_OF_PREDICTIONS)).all()
            sent = predictions and bool(said)
            if view and sent:
                shown.note(session, [case_id], principal.subject)
            found = documents.case(
                row,
                images=session.scalars(of_case(ImageRow, case_id).order_by(ImageRow.position)).all(),
                predictions=said,
                feedback=session.scalars(of_case(FeedbackRow, case_id).order_by(*_AGE_OF_FEEDBACK)).all(),
                principal=principal,
                blind=bool(shown.not_shown(session, [case_id], principal.subject)),
            )
            if view:
                self._audit.append(session, principal, "view", case_id, {"predictions": sent})
        return found if predictions else documents.hidden(found)

    def page(
        self,
        principal: Principal,
        *,
        order: worklist.Order = "triage",
        limit: int = 50,
        cursor: str | None = None,
        predictions: bool = True,
    ) -> CaseList:
        """Returns a page of the worklist of a principal.

        Args:
            principal: an admin sees the cases of every group.
            order: `triage`: what needs a human first; `newest`: newest first.
            limit: cases at most, 1..500.
            cursor: `next` of the page before; None for the first one.
            predictions: whether rows tell what a model said, which is noted (`shown`).

        Raises:
            ProblemError: BAD_REQUEST, the cursor is none of this order's; INVALID, `triage` without predictions.
        """
        if not predictions and order == "triage":
            raise ProblemError(INVALID, "the order triage tells what a model said: ask for order=newest without it")
        with self._database.reading() as session:
            found = worklist.page(session, principal, order=order, limit=limit, cursor=cursor)
        if not predictions:
            return found.model_copy(update={"cases": [documents.hidden_summary(row) for row in found.cases]})
        self.note_shown([row.id for row in found.cases if documents.tells(row)], principal)
        return found

    def note_shown(self, case_ids: Sequence[str], principal: Principal) -> None:
        """Notes that somebody is sent what a model said of cases, before it is; nothing is written that is known."""
        shown.note_unless_known(self._database, case_ids, principal.subject)

    def declare(self, case_id: str, principal: Principal, declared: Declared) -> Declared:
        """Adds what a reader states of a case to what was stated before, and returns all of it.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's.
        """
        stated = declared.model_dump(exclude_none=True)
        with self._access.writing(case_id, principal) as (session, row):
            if stated:
                row.declared = {**(row.declared or {}), **stated}
                self._audit.append(session, principal, "declare", case_id, stated)
            return Declared.model_validate(row.declared or {})

    def delete(self, case_id: str, principal: Principal) -> None:
        """Removes a case and all that belongs to it; its entries in the audit log stay.

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's.
        """
        with self._access.writing(case_id, principal) as (session, row):
            names = retention.remove_cases(session, [row], forget_statistics=True)
            self._audit.append(session, principal, "delete", case_id, {"images": row.image_count})
        for name in names:
            self._images.remove(name)
