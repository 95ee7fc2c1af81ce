"""Finds a case for whoever may see it; that others asked is audited, and answered as if there were none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from serving.gateway.principal import Principal
from serving.gateway.problems import NOT_FOUND, ProblemError
from serving.gateway.storage.audit_trail import AuditTrail
from serving.gateway.storage.database import Database
from serving.gateway.storage.tables import CaseRow, FeedbackRow, ImageRow, PredictionRow

_ID = re.compile(r"[0-9a-f]{32}")
"""What `new_id` gives; anything else is not looked up, since a database does not take every text."""
_Part = TypeVar("_Part", ImageRow, PredictionRow, FeedbackRow)


class CaseAccess:
    """Opens cases of a database.

    Args:
        database: where cases are.
        audit: where it is noted who was refused.
    """

    def __init__(self, database: Database, audit: AuditTrail) -> None:
        self._database = database
        self._audit = audit

    @contextmanager
    def reading(self, case_id: str, principal: Principal) -> Iterator[tuple[Session, CaseRow]]:
        """Yields a session to read, and a case's row.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's.
        """
        with self._refusing(case_id, principal), self._database.reading() as session:
            yield session, _visible(session, case_id, principal)

    @contextmanager
    def writing(self, case_id: str, principal: Principal) -> Iterator[tuple[Session, CaseRow]]:
        """Yields a session to write, which is committed at the end, and a case's row.

        Raises:
            ProblemError: NOT_FOUND, there is no such case, or it is another group's.
        """
        with self._refusing(case_id, principal), self._database.writing() as session:
            yield session, _visible(session, case_id, principal)

    @contextmanager
    def _refusing(self, case_id: str, principal: Principal) -> Iterator[None]:
        try:
            yield
        except _NotTheirs as error:
            self._audit.add(principal, "refused", case_id, {"asked_for": "case"})
            raise not_found("case") from error


class _NotTheirs(Exception):  # noqa: N818  # never leaves this module
    """The case is another group's."""


def is_id(text: str) -> bool:
    """Returns whether a text may be the id of something that is kept."""
    return _ID.fullmatch(text) is not None


def not_found(what: str) -> ProblemError:
    """Returns the problem that there is no such thing, in words that do not tell whether another group has it."""
    return ProblemError(NOT_FOUND, f"there is no such {what}: it was removed, its time is over, or it is not yours")


def of_case(table: type[_Part], case_id: str) -> Select[tuple[_Part]]:
    """Returns the query of what a table has of a case."""
    return select(table).where(table.case_id == case_id)


def _visible(session: Session, case_id: str, principal: Principal) -> CaseRow:
    row = session.get(CaseRow, case_id) if is_id(case_id) else None
    if row is None:
        raise not_found("case")
    if not principal.may_see(row.group):
        raise _NotTheirs
    return row
