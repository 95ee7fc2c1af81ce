"""The audit log as the gateway writes and shows it: each entry says who did what, to what, when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from serving.gateway.principal import Principal
from serving.gateway.schemas.audit import AuditEntry, AuditPage
from serving.gateway.storage import audit_log, shown
from serving.gateway.storage.database import Database

MAX_PAGE = 1000


class AuditTrail:
    """Adds entries to a database's audit log and reads them.

    Args:
        database: where the log is.
        clock: returns the time, with its zone.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def append(
        self, session: Session, principal: Principal | None, action: str, subject: str, details: Mapping[str, Any]
    ) -> None:
        """Adds an entry to the transaction that does what it records.

        Args:
            session: of `Database.writing`.
            principal: who; None is somebody that did not say.
            action: what.
            subject: to what, e.g. a case's id.
            details: JSON; no identifier.
        """
        actor = "anonymous" if principal is None else principal.subject
        audit_log.append(session, at=self._clock(), actor=actor, action=action, subject=subject, details=details)

    def add(
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
            self.append(session, principal, action, subject, details or {})

    def page(self, after: int = 0, limit: int = 200, *, principal: Principal | None = None) -> AuditPage:
        """Returns entries of the audit log, oldest first.

        Args:
            after: number that the first one follows.
            limit: entries at most, 1..1000.
            principal: to whom they are sent: those of predictions tell findings (`shown`); None: nobody.
        """
        limit = min(max(limit, 1), MAX_PAGE)
        with self._database.reading() as session:
            found = list(audit_log.entries(session, after=max(after, 0), limit=limit + 1))
        given = [AuditEntry(**dict(entry)) for entry in found[:limit]]
        if principal is not None:
            told = [one.subject for one in given if one.action in ("predict", "withhold")]
            shown.note_unless_known(self._database, told, principal.subject)
        return AuditPage(entries=given, next=given[-1].number if len(found) > limit else None)
