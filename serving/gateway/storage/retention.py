"""What is kept for how long, and how it goes: cases that have expired, and files that belong to no case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from serving.gateway.storage import audit_log
from serving.gateway.storage.database import Database
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.tables import CaseRow, FeedbackRow, ImageRow, ServedRow

STATISTICS_KEPT = timedelta(days=365)
"""How long what a model was sent and answered is kept, without its case, to see drift over the seasons."""
ORPHAN_AGE = timedelta(hours=1)
"""How old a file that belongs to no case must be: a younger one may be of an upload that is still going on."""

_BATCH = 100
"""Cases a transaction, so that others may write between two."""


@dataclass(frozen=True)
class Purged:
    """What a purge removed, or would remove.

    Attributes:
        cases, images, bytes: expired cases, and their images without thumbnails.
        not_exported: of these cases, those with feedback that was never exported.
        orphans: files that belonged to no case.
        statistics: records of what a model was sent, older than `STATISTICS_KEPT`.
        left: files that could not be removed now; the next purge tries again.
    """

    cases: int = 0
    images: int = 0
    bytes: int = 0
    not_exported: int = 0
    orphans: int = 0
    statistics: int = 0
    left: int = 0


def purge(database: Database, images: ImageStore, *, now: datetime, actor: str, dry_run: bool) -> Purged:
    """Removes what has expired, and returns what it was.

    Args:
        database: where cases are.
        images: where their files are.
        now: cases with an earlier `expires_at` go.
        actor: who purges, for the audit log.
        dry_run: only counts.
    """
    found = _counted(database, now)
    if dry_run:
        return replace(found, orphans=len(_orphans(database, images, now)))
    left = 0
    while (names := _purge_batch(database, now, actor)) is not None:
        left += sum(not images.remove(name) for name in names)
    with database.writing() as session:
        session.execute(delete(ServedRow).where(ServedRow.at < now - STATISTICS_KEPT))
    orphans = _orphans(database, images, now)
    left += sum(not images.remove(name) for name in orphans)
    _forget_journal(database)
    return replace(found, orphans=len(orphans), left=left)


def remove_cases(session: Session, cases: Sequence[CaseRow], *, forget_statistics: bool) -> list[str]:
    """Removes cases from the database and returns the names of their files, to be removed after the commit.

    Args:
        session: of `Database.writing`.
        cases: which.
        forget_statistics: also what a model was sent of them. Else it stays without its case and its time of day.
    """
    ids = [case.id for case in cases]
    names = session.execute(select(ImageRow.object, ImageRow.thumbnail_object).where(ImageRow.case_id.in_(ids))).all()
    if forget_statistics:
        session.execute(delete(ServedRow).where(ServedRow.case_id.in_(ids)))
    else:
        _detach_statistics(session, ids)
    session.execute(delete(CaseRow).where(CaseRow.id.in_(ids)))
    return [name for pair in names for name in pair]


def _detach_statistics(session: Session, ids: Sequence[str]) -> None:
    for row in session.scalars(select(ServedRow).where(ServedRow.case_id.in_(ids))):
        row.case_id = None
        row.at = row.at.replace(hour=0, minute=0, second=0, microsecond=0)
    session.flush()


def _purge_batch(database: Database, now: datetime, actor: str) -> list[str] | None:
    """Removes some expired cases and returns the names of their files; None: there was no such case."""
    with database.writing() as session:
        cases = session.scalars(select(CaseRow).where(_expired(now)).order_by(CaseRow.expires_at).limit(_BATCH)).all()
        unexported = set(session.scalars(select(CaseRow.id).where(_expired(now), _not_exported())))
        details = [(case.id, {"images": case.image_count, "feedback_lost": case.id in unexported}) for case in cases]
        names = remove_cases(session, cases, forget_statistics=False)
        for case_id, detail in details:
            audit_log.append(session, at=now, actor=actor, action="purge", subject=case_id, details=detail)
    return names if cases else None


def _counted(database: Database, now: datetime) -> Purged:
    with database.reading() as session:
        cases = session.scalar(select(func.count()).select_from(CaseRow).where(_expired(now))) or 0
        lost = select(func.count()).select_from(CaseRow).where(_expired(now), _not_exported())
        of_images = select(func.count(), func.coalesce(func.sum(ImageRow.size), 0)).join(
            CaseRow, CaseRow.id == ImageRow.case_id
        )
        images, size = session.execute(of_images.where(_expired(now))).one()
        old = select(func.count()).select_from(ServedRow).where(ServedRow.at < now - STATISTICS_KEPT)
        return Purged(
            cases=cases,
            images=images,
            bytes=int(size),
            not_exported=session.scalar(lost) or 0,
            statistics=session.scalar(old) or 0,
        )


def _expired(now: datetime) -> ColumnElement[bool]:
    return CaseRow.expires_at <= now


def _not_exported() -> ColumnElement[bool]:
    """Returns the condition that a case has feedback from after its last export."""
    newer = or_(CaseRow.exported_at.is_(None), FeedbackRow.created_at > CaseRow.exported_at)
    return exists().where(FeedbackRow.case_id == CaseRow.id, newer)


def _orphans(database: Database, images: ImageStore, now: datetime) -> list[str]:
    """Returns the files that belong to no case, and are too old to be of an upload that is still going on.

    Files are listed before the cases' are: one that is put between the two is not listed.
    """
    there = set(images.names())
    with database.reading() as session:
        for pair in session.execute(select(ImageRow.object, ImageRow.thumbnail_object)):
            there.difference_update(pair)
    oldest = now - ORPHAN_AGE
    moments = ((name, images.modified(name)) for name in sorted(there))
    return [name for name, moment in moments if moment is not None and moment <= oldest]


def _forget_journal(database: Database) -> None:
    """Empties SQLite's journal, which has what was deleted until it is written over."""
    if database.engine.dialect.name == "sqlite":
        connection = database.engine.raw_connection()  # outside of every transaction
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
