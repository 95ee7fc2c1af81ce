"""Which readers were sent what a model said of which cases: an opinion is blind only where its reader never was."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session

from serving.gateway.storage.core_statements import table_of
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
    fresh = _not_shown(case_ids, reader).add_columns(literal(reader))
    session.execute(table_of(ShownRow).insert().from_select(["case_id", "reader"], fresh))


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
    return list(session.scalars(_not_shown(case_ids, reader))) if case_ids else []


def _not_shown(case_ids: Sequence[str], reader: str) -> Select[tuple[str]]:
    shown = select(ShownRow.case_id).where(ShownRow.reader.in_((reader, EVERYBODY)))
    return select(CaseRow.id).where(CaseRow.id.in_(case_ids), CaseRow.id.not_in(shown))
