"""Which readers were sent what a model said of which cases: an opinion is blind only where its reader never was."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.gateway.storage.core_statements import insert_rows
from serving.gateway.storage.database import Database
from serving.gateway.storage.tables import CaseRow, ShownRow

EVERYBODY = ""
"""In place of a reader, of cases that were predicted before it was noted who was sent what: anybody may have been."""


def note(session: Session, case_ids: Sequence[str], reader: str) -> None:
    """Notes that a reader is sent what a model said of cases; to be committed before it is.

    Args:
        session: of `Database.writing`, so that nobody notes the same meanwhile.
        case_ids: those that are gone are passed over.
        reader: a principal's `subject`.
    """
    fresh = not_shown(session, case_ids, reader)
    insert_rows(session, [ShownRow(case_id=case_id, reader=reader) for case_id in fresh])


def note_unless_known(database: Database, case_ids: Sequence[str], reader: str) -> None:
    """Notes that a reader is sent what a model said of cases, before it is; nothing is written that is known.

    Args:
        database: where cases are.
        case_ids: those that are gone are passed over.
        reader: a principal's `subject`.
    """
    with database.reading() as session:
        fresh = not_shown(session, case_ids, reader)
    if fresh:
        with database.writing() as session:
            note(session, fresh, reader)


def not_shown(session: Session, case_ids: Sequence[str], reader: str) -> list[str]:
    """Returns those of some cases of which a reader was sent nothing that a model said; none that is gone."""
    if not case_ids:
        return []
    shown = select(ShownRow.case_id).where(ShownRow.reader.in_((reader, EVERYBODY)))
    return list(session.scalars(select(CaseRow.id).where(CaseRow.id.in_(case_ids), CaseRow.id.not_in(shown))))
