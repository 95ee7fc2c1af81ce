"""All that the gateway keeps: cases, images, predictions, feedback, and the audit log of who did what to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Select, select, text, update
from sqlalchemy.orm import Session

from serving.gateway.principal import Principal
from serving.gateway.problems import INVALID, NOT_FOUND, ProblemError
from serving.gateway.schemas import (
    AuditEntry,
    AuditPage,
    Case,
    CaseList,
    CaseSummary,
    Declared,
    Feedback,
    FeedbackRequest,
    Prediction,
    RejectedFile,
)
from serving.gateway.storage import audit_log, documents, retention, served, shown, triage, worklist
from serving.gateway.storage.core_statements import insert_rows
from serving.gateway.storage.database import Database, parsed_url
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.new_case import Upload, add_case_rows, new_id, stored_images
from serving.gateway.storage.new_feedback import add_feedback_row
from serving.gateway.storage.new_image import NewImage, ServedImage
from serving.gateway.storage.retention import Purged
from serving.gateway.storage.reviewed import ReviewedCase, reviewed_cases
from serving.gateway.storage.schema_version import migrate, require_head
from serving.gateway.storage.served import AskedVersion, ServedRecord
from serving.gateway.storage.tables import CaseRow, FeedbackRow, ImageRow, PredictionRow, PropertyRow

REVIEWS = ("agree", "disagree", "correct")
"""Kinds of feedback that judge a prediction."""
MAX_AUDIT_PAGE = 1000


def utc_now() -> datetime:
    """Returns the time, in UTC."""
    return datetime.now(timezone.utc)


class Store:
    """Keeps what the gateway keeps; every method may be called by many threads at once.

    What is asked of a case that another group has is audited as refused, and answered as if there were none.

    Args:
        database: SQLite or PostgreSQL, with the tables of this version.
        images: a folder or an object store.
        clock: returns the time, with its zone.

    Example:
        >>> store = Store.open("sqlite:////tmp/gateway/gateway.db", "/tmp/gateway/images")
        >>> store.ready()
        True
    """

    def __init__(self, database: Database, images: ImageStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._images = images
        self._clock = clock

    @classmethod
    def open(
        cls, database_url: str, image_store: str, *, clock: Callable[[], datetime] = utc_now, migrated: bool = True
    ) -> Store:
        """Returns the store of a database and of an image store, which are made where they are missing.

        Args:
            database_url: `sqlite:///FILE` or `postgresql+pg8000://USER:PASSWORD@HOST:PORT/NAME`.
            image_store: a folder, or a URL of fsspec.
            clock: returns the time, with its zone.
            migrated: whether the database is brought to this version's tables. Without, one that has others is refused.

        Raises:
            ConfigurationError: a URL is none, the database has the tables of another version, or the image store
                belongs to another database.
            ProblemError: UNAVAILABLE, the database is away.
        """
        if migrated:
            migrate(parsed_url(database_url))
        database, images = Database(database_url), ImageStore(image_store)
        try:
            require_head(database.engine)
            images.belong_to(_identity(database))
        except BaseException:
            database.close()
            raise
        return cls(database, images, clock=clock)

    def close(self) -> None:
        """Closes every connection."""
        self._database.close()

    def ready(self) -> bool:
        """Returns whether database and image store answer."""
        try:
            with self._database.reading() as session:
                session.execute(text("SELECT 1"))
        except ProblemError:
            return False
        return self._images.ready()

    # --- cases

    def add_case(
        self,
        principal: Principal,
        *,
        model: str,
        images: Sequence[NewImage],
        rejected: Sequence[RejectedFile] = (),
        declared: Declared | None = None,
        sample: bool = False,
        expires_at: datetime | None = None,
    ) -> str:
        """Keeps an upload and returns the id of its case, and raises, as `new_case` does."""
        upload = Upload(model, images, rejected, declared, sample, expires_at)
        return self.new_case(principal, upload).id

    def new_case(self, principal: Principal, upload: Upload) -> Case:
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
            self._append(session, principal, "upload", row.id, {**told, "sample": row.sample})
            if row.declared:
                self._append(session, principal, "declare", row.id, row.declared)
        return documents.case(row, images=images, predictions=(), feedback=(), principal=principal, blind=True)

    def case(self, case_id: str, principal: Principal, *, view: bool = True, predictions: bool = True) -> Case:
        """Returns a case with all that belongs to it.

        Args:
            case_id: the case.
            principal: who asks.
            view: whether somebody sees it, which is audited; False where the gateway itself looks.
            predictions: whether what a model said is in it (`documents.hidden`); that it was sent is noted (`shown`).

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's.
        """
        opened = self._writing_case if view else self._reading_case
        with opened(case_id, principal) as (session, row):
            said = session.scalars(_of_case(PredictionRow, case_id).order_by(*_AGE_OF_PREDICTIONS)).all()
            sent = predictions and bool(said)
            if view and sent:
                shown.note(session, [case_id], principal.subject)
            found = documents.case(
                row,
                images=session.scalars(_of_case(ImageRow, case_id).order_by(ImageRow.position)).all(),
                predictions=said,
                feedback=session.scalars(_of_case(FeedbackRow, case_id).order_by(*_AGE_OF_FEEDBACK)).all(),
                principal=principal,
                blind=bool(shown.not_shown(session, [case_id], principal.subject)),
            )
            if view:
                self._append(session, principal, "view", case_id, {"predictions": sent})
        return found if predictions else documents.hidden(found)

    def cases(
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
        with self._database.reading() as session:
            fresh = shown.not_shown(session, case_ids, principal.subject)
        if fresh:
            with self._database.writing() as session:
                shown.note(session, fresh, principal.subject)

    def declare(self, case_id: str, principal: Principal, declared: Declared) -> Declared:
        """Adds what a reader states of a case to what was stated before, and returns all of it.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's.
        """
        stated = declared.model_dump(exclude_none=True)
        with self._writing_case(case_id, principal) as (session, row):
            if stated:
                row.declared = {**(row.declared or {}), **stated}
                self._append(session, principal, "declare", case_id, stated)
            return Declared.model_validate(row.declared or {})

    def delete_case(self, case_id: str, principal: Principal) -> None:
        """Removes a case and all that belongs to it; its entries in the audit log stay.

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's.
        """
        with self._writing_case(case_id, principal) as (session, row):
            names = retention.remove_cases(session, [row], forget_statistics=True)
            self._append(session, principal, "delete", case_id, {"images": row.image_count})
        for name in names:
            self._images.remove(name)

    # --- images

    def image_bytes(self, case_id: str, image_id: str, principal: Principal) -> bytes:
        """Returns the bytes of an image's file, de-identified as it was kept.

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's; INTERNAL, the file was changed.
        """
        row = self._image(case_id, image_id, principal)
        return self._images.read(row.object, row.sha256)

    def image_file(self, case_id: str, image_id: str, principal: Principal) -> AbstractContextManager[Path]:
        """Returns a context with the path of an image's file, to read only: what is too large for memory.

        Raises:
            ProblemError: as `image_bytes` does.
        """
        row = self._image(case_id, image_id, principal)
        return self._images.file(row.object, row.sha256)

    def thumbnail_bytes(self, case_id: str, image_id: str, principal: Principal) -> bytes:
        """Returns the PNG of an image's thumbnail.

        Raises:
            ProblemError: as `image_bytes` does.
        """
        row = self._image(case_id, image_id, principal)
        return self._images.read(row.thumbnail_object, row.thumbnail_sha256)

    # --- predictions and feedback

    def predictions(self, case_id: str, principal: Principal) -> list[Prediction]:
        """Returns the predictions of a case, oldest first, to somebody who sees them, which is audited.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's.
        """
        return self.case(case_id, principal).predictions

    def add_prediction(
        self,
        case_id: str,
        principal: Principal,
        prediction: Prediction,
        statistics: Sequence[ServedImage] = (),
        *,
        sent: bool = True,
    ) -> CaseSummary:
        """Keeps what a model said of a case, and returns what from now on the worklist shows.

        Args:
            case_id: the case.
            principal: who asked.
            prediction: under an id of its own.
            statistics: what the model was sent and answered, for each frame.
            sent: whether who asked is sent the prediction, which is noted (`shown`).

        Raises:
            ProblemError: NOT_FOUND, there is no such case (any more), or it is another group's.
        """
        with self._writing_case(case_id, principal) as (session, row):
            flagged, urgency = triage.flagged(prediction.findings), triage.urgency(prediction.findings)
            insert_rows(session, [_prediction_row(case_id, prediction, flagged, urgency)])
            if not row.sample:  # a sample is no patient, and would pass for a drift
                served.record(session, case_id, prediction, statistics)
            row.status = "withheld" if prediction.withheld else "predicted"
            row.model, row.flagged, row.urgency = prediction.model.name, flagged, urgency
            row.withheld = list(prediction.withheld.codes) if prediction.withheld else []
            _sort(row)
            if sent:
                shown.note(session, [case_id], principal.subject)
            self._append(session, principal, *_told(case_id, prediction, flagged))
        return documents.summary(row)

    def set_failed(self, case_id: str, principal: Principal, reason: str = "") -> None:
        """Says of a case that its prediction failed; one that has a prediction keeps it.

        Args:
            case_id: the case.
            principal: who asked.
            reason: a word for the audit log, e.g. `unavailable`.

        Raises:
            ProblemError: NOT_FOUND, there is no such case (any more), or it is another group's.
        """
        with self._writing_case(case_id, principal) as (session, row):
            if row.status == "uploaded":
                row.status = "failed"
                _sort(row)
            self._append(session, principal, "predict_failed", case_id, {"model": row.model, "reason": reason})

    def add_feedback(self, case_id: str, principal: Principal, request: FeedbackRequest) -> Feedback:
        """Keeps what a reader says of a case, which counts as read from now on.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's; INVALID and CONFLICT, as
                `add_feedback_row` says.
        """
        with self._writing_case(case_id, principal) as (session, row):
            kept = add_feedback_row(session, case_id, principal, request, self._clock())
            row.read = True
            _sort(row)
            told = {"feedback": kept.id, "kind": kept.kind, "labels": kept.labels, "prediction": kept.prediction_id}
            blind = {} if kept.blind is None else {"blind": kept.blind}
            self._append(session, principal, "feedback", case_id, {**told, **blind})
            return documents.opinion(kept, principal)

    # --- audit

    def audit(
        self, principal: Principal | None, action: str, subject: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        """Adds an entry of what touches no row: a heatmap that was shown, an access that was refused.

        Args:
            principal: who; None is somebody that did not say.
            action: what.
            subject: to what, e.g. a case's id.
            details: JSON; no identifier.
        """
        with self._database.writing() as session:
            self._append(session, principal, action, subject, details or {})

    def audit_entries(self, after: int = 0, limit: int = 200, *, principal: Principal | None = None) -> AuditPage:
        """Returns entries of the audit log, oldest first.

        Args:
            after: number that the first one follows.
            limit: entries at most, 1..1000.
            principal: to whom they are sent: those of predictions tell findings (`shown`); None: nobody.
        """
        limit = min(max(limit, 1), MAX_AUDIT_PAGE)
        with self._database.reading() as session:
            found = list(audit_log.entries(session, after=max(after, 0), limit=limit + 1))
        given = [AuditEntry(**dict(entry)) for entry in found[:limit]]
        if principal is not None:
            self.note_shown([one.subject for one in given if one.action in ("predict", "withhold")], principal)
        return AuditPage(entries=given, next=given[-1].number if len(found) > limit else None)

    # --- retention, export, drift

    def purge(self, now: datetime | None = None, *, actor: str = "retention", dry_run: bool = False) -> Purged:
        """Removes cases that have expired, and files that belong to no case; to be called once a day.

        A case goes when its time is over, whether or not its feedback was exported; `Purged.not_exported` counts those.

        Args:
            now: the time to go by; None: the clock's.
            actor: who purges, for the audit log.
            dry_run: only counts.

        Raises:
            ProblemError: UNAVAILABLE, the database or the image store is away.
        """
        when = self._clock() if now is None else now
        return retention.purge(self._database, self._images, now=when, actor=actor, dry_run=dry_run)

    def reviewed_cases(
        self, *, model: str | None = None, since: datetime | None = None, kinds: Collection[str] = REVIEWS
    ) -> Iterator[ReviewedCase]:
        """Yields the cases that readers judged, oldest first, to be exported.

        Args:
            model: only cases that this model was asked about last; None: all.
            since: only cases with such feedback from then on; None: all.
            kinds: of feedback.
        """
        with self._database.reading() as session:
            yield from reviewed_cases(session, model=model, since=since, kinds=kinds)

    def mark_exported(self, case_ids: Collection[str], principal: Principal, *, at: datetime | None = None) -> None:
        """Notes that the feedback of cases was exported, which is audited.

        Args:
            case_ids: the cases; those that are gone are passed over.
            principal: who exported.
            at: when they were read, so that feedback from after it counts as not exported; None: now.
        """
        ids = sorted(case_ids)
        with self._database.writing() as session:
            session.execute(update(CaseRow).where(CaseRow.id.in_(ids)).values(exported_at=at or self._clock()))
            for case_id in ids:
                self._append(session, principal, "export", case_id, {})

    def served_records(
        self, model: str, *, version: int | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[ServedRecord]:
        """Yields what a model was sent and answered, a record a frame, oldest first.

        Args:
            model: its name.
            version: None: every one.
            since: from then on; None: from the first one on.
            until: before then; None: to the last one.
        """
        with self._database.reading() as session:
            yield from served.records(session, model=model, version=version, since=since, until=until)

    def asked_versions(
        self, model: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> dict[int, AskedVersion]:
        """Returns the versions of a model that were asked, the one asked last first.

        Args:
            model: its name.
            since: from then on; None: from the first one on.
            until: before then; None: to the last one.
        """
        with self._database.reading() as session:
            return served.asked_versions(session, model=model, since=since, until=until)

    # --- how a case is found

    @contextmanager
    def _reading_case(self, case_id: str, principal: Principal) -> Iterator[tuple[Session, CaseRow]]:
        with self._refusing(case_id, principal), self._database.reading() as session:
            yield session, _visible(session, case_id, principal)

    @contextmanager
    def _writing_case(self, case_id: str, principal: Principal) -> Iterator[tuple[Session, CaseRow]]:
        with self._refusing(case_id, principal), self._database.writing() as session:
            yield session, _visible(session, case_id, principal)

    @contextmanager
    def _refusing(self, case_id: str, principal: Principal) -> Iterator[None]:
        """Audits that a case was asked for by somebody that it is not for, and answers as if there were none."""
        try:
            yield
        except _NotTheirs as error:
            self.audit(principal, "refused", case_id, {"asked_for": "case"})
            raise _not_found("case") from error

    def _image(self, case_id: str, image_id: str, principal: Principal) -> ImageRow:
        with self._reading_case(case_id, principal) as (session, _):
            of_that_id = _of_case(ImageRow, case_id).where(ImageRow.id == image_id)
            row = session.scalars(of_that_id).first() if _ID.fullmatch(image_id) else None
        if row is None:
            raise _not_found("image")
        return row

    def _append(
        self, session: Session, principal: Principal | None, action: str, subject: str, details: Mapping[str, Any]
    ) -> None:
        actor = "anonymous" if principal is None else principal.subject
        audit_log.append(session, at=self._clock(), actor=actor, action=action, subject=subject, details=details)


class _NotTheirs(Exception):  # noqa: N818  # never leaves this module
    """The case is another group's."""


_AGE_OF_PREDICTIONS = (PredictionRow.created_at, PredictionRow.id)
_AGE_OF_FEEDBACK = (FeedbackRow.created_at, FeedbackRow.id)
_ID = re.compile(r"[0-9a-f]{32}")
"""What `new_id` gives; anything else is not looked up, since a database does not take every text."""
_Part = TypeVar("_Part", ImageRow, PredictionRow, FeedbackRow)


def _identity(database: Database) -> str:
    """Returns the word by which the image store of a database knows it; a new database draws one."""
    with database.writing() as session:
        found = session.get(PropertyRow, "image_store")
        if found is None:
            found = PropertyRow(name="image_store", value=new_id())
            session.add(found)
        return found.value


def _visible(session: Session, case_id: str, principal: Principal) -> CaseRow:
    row = session.get(CaseRow, case_id) if _ID.fullmatch(case_id) else None
    if row is None:
        raise _not_found("case")
    if not principal.may_see(row.group):
        raise _NotTheirs
    return row


def _not_found(what: str) -> ProblemError:
    return ProblemError(NOT_FOUND, f"there is no such {what}: it was removed, its time is over, or it is not yours")


def _of_case(table: type[_Part], case_id: str) -> Select[tuple[_Part]]:
    return select(table).where(table.case_id == case_id)


def _sort(row: CaseRow) -> None:
    row.priority, row.sort_urgency = triage.place(
        read=row.read, status=row.status, flagged=bool(row.flagged), urgency=row.urgency
    )


def _prediction_row(case_id: str, prediction: Prediction, flagged: list[str], urgency: float | None) -> PredictionRow:
    return PredictionRow(
        id=prediction.id,
        case_id=case_id,
        created_at=prediction.created_at,
        model=prediction.model.name,
        version=prediction.model.version,
        approved=prediction.model.approved,
        flagged=flagged,
        urgency=urgency,
        withheld=prediction.withheld is not None,
        document=prediction.model_dump(mode="json"),
    )


def _told(case_id: str, prediction: Prediction, flagged: list[str]) -> tuple[str, str, dict[str, Any]]:
    """Returns the action, subject and details of a prediction's entry in the audit log."""
    details: dict[str, Any] = {
        "prediction": prediction.id,
        "model": prediction.model.name,
        "version": prediction.model.version,
        "approved": prediction.model.approved,
    }
    if prediction.withheld:
        return "withhold", case_id, {**details, "codes": list(prediction.withheld.codes)}
    return "predict", case_id, {**details, "flagged": flagged}
