"""The audit log in the database: entries that are chained by their hashes, and that nobody changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from data_schemas.audit_chain import AuditEntry, sealed
from data_schemas.errors import AuditBroken, ConfigurationError
from serving.gateway.storage.core_statements import insert_rows, table_of
from serving.gateway.storage.database import Database, parsed_url, require_existing
from serving.gateway.storage.tables import AuditRow

_BATCH = 1000
_LAST = select(table_of(AuditRow)).order_by(table_of(AuditRow).c.number.desc()).limit(1)


def append(
    session: Session, *, at: datetime, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> AuditEntry:
    """Adds an entry to the transaction that does what it records, and returns it.

    Args:
        session: of `Database.writing`, so that no other entry comes between.
        at: when.
        actor: who, as a keyed hash.
        action: what.
        subject: to what; a random id.
        details: whatever else there is to say, as JSON; no identifier.
    """
    last = session.execute(_LAST).mappings().first()
    previous = None if last is None else AuditEntry(**{str(name): value for name, value in last.items()})
    entry = sealed(previous, at=at, actor=actor, action=action, subject=subject, details=details)
    insert_rows(session, [AuditRow(**dict(entry))])
    return entry


def entries(session: Session, *, after: int = 0, limit: int | None = None) -> Iterator[AuditEntry]:
    """Yields entries, oldest first.

    Args:
        session: to read.
        after: the number that the first one follows.
        limit: how many at most; None: all.
    """
    left = limit
    while left is None or left > 0:
        wanted = _BATCH if left is None else min(left, _BATCH)
        query = select(AuditRow).where(AuditRow.number > after).order_by(AuditRow.number).limit(wanted)
        rows = session.scalars(query).all()
        for row in rows:
            yield _entry(row)
        if len(rows) < wanted:
            return
        after = rows[-1].number
        left = None if left is None else left - len(rows)
        session.expunge_all()


def read_log(url: str) -> Iterator[AuditEntry]:
    """Yields every entry of a database's audit log, oldest first, for whoever checks it; nothing is written.

    Args:
        url: of a gateway's database, of any version of it.

    Raises:
        AuditBroken: an entry cannot be read.
        ConfigurationError: there is no such database, or it is none of a gateway's.
        ProblemError: UNAVAILABLE, the database is away.
    """
    parsed = parsed_url(url)
    require_existing(parsed)
    database, last = Database(url), 0
    try:
        with database.reading() as session:
            if not inspect(session.connection()).has_table(AuditRow.__tablename__):
                raise ConfigurationError(f"the database {database.shown_url} has no audit log of a gateway")
            for entry in entries(session):
                yield entry
                last = entry.number
    except (TypeError, ValueError) as error:
        raise AuditBroken(f"audit log: the entry after {last} cannot be read: it was changed") from error
    except DBAPIError as error:
        raise ConfigurationError(
            f"the database {database.shown_url} cannot be read: it is none, or it is damaged"
        ) from error
    finally:
        database.close()


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        number=row.number,
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        details=row.details,
        previous=row.previous,
        hash=row.hash,
    )
