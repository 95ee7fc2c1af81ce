"""All that the gateway keeps: cases, images, predictions, feedback, and the audit log of who did what to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timezone

from sqlalchemy import text, update

from serving.gateway.principal import Principal
from serving.gateway.problems import ProblemError
from serving.gateway.storage import retention, served
from serving.gateway.storage.audit_trail import AuditTrail
from serving.gateway.storage.case_access import CaseAccess
from serving.gateway.storage.cases import KeptCases
from serving.gateway.storage.database import Database, parsed_url
from serving.gateway.storage.feedback import KeptFeedback
from serving.gateway.storage.image_store import ImageStore
from serving.gateway.storage.images import KeptImages
from serving.gateway.storage.new_case import new_id
from serving.gateway.storage.predictions import KeptPredictions
from serving.gateway.storage.retention import Purged
from serving.gateway.storage.reviewed import REVIEWS, ReviewedCase, reviewed_cases
from serving.gateway.storage.schema_version import migrate, require_head
from serving.gateway.storage.served import AskedVersion, ServedRecord
from serving.gateway.storage.tables import CaseRow, PropertyRow


def utc_now() -> datetime:
    """Returns the time, in UTC."""
    return datetime.now(timezone.utc)


class Store:
    """Keeps what the gateway keeps; every method, its parts' too, may be called by many threads at once.

    What is asked of a case that another group has is audited as refused, and answered as if there were none.

    Args:
        database: SQLite or PostgreSQL, with the tables of this version.
        images: a folder or an object store.
        clock: returns the time, with its zone.

    Attributes:
        cases, images, predictions, feedback: what is kept.
        audit: the log of who did what to it; every method that changes something writes its own entries.

    Example:
        >>> store = Store.open("sqlite:///gateway.db", "images")
        >>> store.ready()
        True
    """

    def __init__(self, database: Database, images: ImageStore, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._image_store = images
        self._clock = clock
        self.audit = AuditTrail(database, clock)
        access = CaseAccess(database, self.audit)
        self.cases = KeptCases(database, images, self.audit, clock=clock)
        self.images = KeptImages(access, images)
        self.predictions = KeptPredictions(access, self.audit)
        self.feedback = KeptFeedback(access, self.audit, clock=clock)

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
        return self._image_store.ready()

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
        return retention.purge(self._database, self._image_store, now=when, actor=actor, dry_run=dry_run)

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
                self.audit.append(session, principal, "export", case_id, {})

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


def _identity(database: Database) -> str:
    """Returns the word by which the image store of a database knows it; a new database draws one."""
    with database.writing() as session:
        found = session.get(PropertyRow, "image_store")
        if found is None:
            found = PropertyRow(name="image_store", value=new_id())
            session.add(found)
        return found.value
