"""A page of the worklist: a walk along an index from where the page before ended, however long the list is."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from serving.gateway.principal import Principal
from serving.gateway.problems import BAD_REQUEST, ProblemError
from serving.gateway.schemas.cases import CaseList
from serving.gateway.storage.documents import summary
from serving.gateway.storage.tables import CaseRow

Order = Literal["triage", "newest"]
MAX_PAGE = 500

_KEYS: dict[Order, tuple[InstrumentedAttribute[Any], ...]] = {
    "triage": (CaseRow.priority, CaseRow.sort_urgency, CaseRow.created_at, CaseRow.id),
    "newest": (CaseRow.created_at, CaseRow.id),
}
"""What each order sorts by, all of it highest first, so that an index is read in one direction."""


def page(session: Session, principal: Principal, *, order: Order, limit: int, cursor: str | None) -> CaseList:
    """Returns a page of the cases that a principal may see.

    Args:
        session: to read.
        principal: an admin sees the cases of every group.
        order: `triage`: see `triage.place`; `newest`: newest first.
        limit: cases at most, 1..500.
        cursor: `next` of the page before; None for the first page.

    Raises:
        ProblemError: BAD_REQUEST, the cursor is none of this order's.
    """
    keys = _KEYS[order]
    limit = min(max(limit, 1), MAX_PAGE)
    query = select(CaseRow).where(*_seen_by(principal)).order_by(*(key.desc() for key in keys)).limit(limit + 1)
    if cursor is not None:
        query = _after(query, keys, _read_cursor(cursor, order))
    rows = session.scalars(query).all()
    total = session.scalar(select(func.count()).select_from(CaseRow).where(*_seen_by(principal))) or 0
    following = _cursor(rows[limit - 1], order) if len(rows) > limit else None
    return CaseList(cases=[summary(row) for row in rows[:limit]], total=total, next=following)


def _seen_by(principal: Principal) -> tuple[ColumnElement[bool], ...]:
    return () if principal.role == "admin" else (CaseRow.group == principal.group,)


def _after(
    query: Select[tuple[CaseRow]], keys: tuple[InstrumentedAttribute[Any], ...], last: list[Any]
) -> Select[tuple[CaseRow]]:
    values = [literal(value, key.type) for key, value in zip(keys, last, strict=True)]
    return query.where(tuple_(*keys) < tuple_(*values))


def _cursor(row: CaseRow, order: Order) -> str:
    values = [getattr(row, key.key) for key in _KEYS[order]]
    told = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([order, *told]).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: Order) -> list[Any]:
    """Returns the values of the keys of the last case before; nothing in a cursor is trusted."""
    try:
        named, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        *ranks, moment, case = values
        types = (int, (int, float))[: len(ranks)]
        if named != order or len(values) != len(_KEYS[order]) or not isinstance(case, str):
            raise ValueError(named)
        if not all(isinstance(rank, kind) and abs(rank) < 1e9 for rank, kind in zip(ranks, types, strict=True)):
            raise ValueError(ranks)
        when = datetime.fromisoformat(moment)
        if when.tzinfo is None or "\0" in case:
            raise ValueError(moment)
        when = when.astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # binascii's and JSON's are ValueErrors
        raise ProblemError(
            BAD_REQUEST, f"the cursor is none of a list in the order {order}: take `next` of the page before"
        ) from error
    return [*ranks, when, case]
