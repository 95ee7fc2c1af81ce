"""Entries of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from serving.gateway.schemas.base import Answer


class AuditEntry(Answer):
    """One entry of the audit log; `hash` is over everything else and the entry before (`data_schemas.audit_chain`)."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    previous: str
    hash: str


class AuditPage(Answer):
    """Entries of the audit log, oldest first; `next` is the number to go on after."""

    entries: list[AuditEntry]
    next: int | None = None
