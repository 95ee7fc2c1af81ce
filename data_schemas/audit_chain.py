"""An append-only log whose entries are chained by SHA-256: a change, a removal or an insertion breaks the chain.

A chain does not show that its last entries were cut off, or that all of it was written anew: whoever audits notes the
last hash now and then, and compares (`AuditEntry.hash`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from data_schemas.errors import AuditBroken

GENESIS = "0" * 64
"""What the first entry names as the hash before it."""


class AuditEntry(BaseModel):
    """What happened, by whom, to what.

    Attributes:
        number: from 1, without a gap.
        at: when, in UTC.
        actor: who, as a keyed hash or a role's name; of an approval the name that stands for it.
        action: what, e.g. `approve`.
        subject: to what, e.g. `synthetic_chest/3`; a random id, never an identifier of a patient.
        details: whatever else there is to say of it, as JSON.
        previous: the hash of the entry before.
        hash: SHA-256 of all of these, in hex.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: AwareDatetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    previous: str
    hash: str


def sealed(
    last: AuditEntry | None, *, at: datetime, actor: str, action: str, subject: str, details: Mapping[str, Any]
) -> AuditEntry:
    """Returns the entry that follows `last`; None is an empty log."""
    number, previous = (1, GENESIS) if last is None else (last.number + 1, last.hash)
    content = {
        "number": number,
        "at": at.astimezone(timezone.utc),
        "actor": actor,
        "action": action,
        "subject": subject,
        "details": json.loads(json.dumps(details)),  # as it will be read again
        "previous": previous,
    }
    return AuditEntry(**content, hash=_digest(content))


def check_chain(entries: Iterable[AuditEntry]) -> AuditEntry | None:
    """Returns the last entry of an unbroken chain, None of an empty one.

    Args:
        entries: oldest first, from the first one on.

    Raises:
        AuditBroken: at the first entry that does not follow from the one before.
    """
    last = None
    for entry in entries:
        expected = sealed(
            last,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            details=entry.details,
        )
        if entry != expected:
            raise AuditBroken(_why(entry, expected))
        last = entry
    return last


def _why(entry: AuditEntry, expected: AuditEntry) -> str:
    if entry.number != expected.number:
        return f"audit log: entry {expected.number} is missing; the next one that is there is {entry.number}"
    if entry.previous != expected.previous:
        return f"audit log: entry {entry.number} does not follow the one before it: one of the two was changed"
    return f"audit log: entry {entry.number} was changed after it was written"


def _digest(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of an entry's content as JSON with sorted keys, the time to the microsecond in UTC."""
    at = content["at"].isoformat(timespec="microseconds")
    text = json.dumps({**content, "at": at}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
