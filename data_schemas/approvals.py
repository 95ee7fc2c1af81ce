"""Who approved which served version for use, in the hash-chained audit log `OUTPUT/serving/audit.jsonl`.

The last entry about a model counts: an approval of another version, older or newer, takes the place of the one before,
and a withdrawal leaves the model without an approved version.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from data_schemas.audit_chain import AuditEntry, check_chain, sealed
from data_schemas.digests import said_digest
from data_schemas.errors import AuditBroken, ConfigurationError, ModelAltered

AUDIT_FILE = "audit.jsonl"
APPROVE, WITHDRAW = "approve", "withdraw_approval"
ROLL_BACK = "rollback"
"""Says nothing of which version is approved: its details have what is restored besides what an approval has."""
_LOCK_FILE = ".lock"


class Approval(BaseModel):
    """A person's statement that a version may be used.

    Attributes:
        model, version: what was approved: `OUTPUT/serving/MODEL/VERSION`.
        by, role: who, and as what.
        statement: in their words.
        at: when, in UTC.
        digest: `data_schemas.digests.content_digest` of the version at that time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    version: int
    by: str
    role: str
    statement: str
    at: datetime
    digest: str


def read_audit(serving_root: Path) -> list[AuditEntry]:
    """Returns every entry of the audit log, oldest first, after checking the chain.

    A last entry counts without the newline behind it. Half a line is a broken log, though a writer may have been cut
    off in it: left out, it would undo a withdrawal for whoever cuts it.

    Args:
        serving_root: `OUTPUT/serving`; none of it needs to exist.

    Raises:
        AuditBroken: a line is no entry, or the entries make no chain.
        ConfigurationError: the log cannot be read.
    """
    try:
        data = (serving_root / AUDIT_FILE).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"{serving_root / AUDIT_FILE} cannot be read: {error.strerror}") from error
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    entries = [
        _entry(number, line, unfinished=number == len(lines) and not data.endswith(b"\n"))
        for number, line in enumerate(lines, 1)
    ]
    check_chain(entries)
    return entries


def read_approvals(serving_root: Path) -> dict[str, Approval]:
    """Returns by model the approval that holds now.

    Raises:
        AuditBroken, ConfigurationError: as `read_audit`.
    """
    return approvals_in(read_audit(serving_root))


def approvals_in(entries: Sequence[AuditEntry]) -> dict[str, Approval]:
    """Returns by model the approval that holds after these entries, oldest first.

    Raises:
        AuditBroken: one of them says less than an approval says.
    """
    held: dict[str, Approval] = {}
    for entry in entries:
        model = entry.subject.rpartition("/")[0]
        if entry.action == APPROVE:
            held[model] = approval_of(entry)
        elif entry.action == WITHDRAW:
            held.pop(model, None)
    return held


def approval_of(entry: AuditEntry) -> Approval:
    """Returns what an entry with the action `approve` or `withdraw_approval` says.

    Raises:
        AuditBroken: it does not say all that an approval says.
    """
    model, _, version = entry.subject.rpartition("/")
    try:
        return Approval(model=model, version=int(version), by=entry.actor, at=entry.at, **entry.details)
    except (TypeError, ValueError) as error:
        raise AuditBroken(
            f"audit log: entry {entry.number} is no approval that this version of Radflow reads"
        ) from error


def is_what_was_approved(version: Path, approval: Approval) -> bool:
    """Says whether a version is the one of an approval: a number alone may have been given to another model.

    Its sums are held against the digest that was recorded, not its files, which servers and `radflow verify` check.

    Args:
        version: `OUTPUT/serving/MODEL/VERSION`.
        approval: of the same model.
    """
    if not version.name.isdecimal() or int(version.name) != approval.version:
        return False
    try:
        return said_digest(version) == approval.digest
    except ModelAltered:
        return False


def numbers_named(entries: Sequence[AuditEntry], model: str) -> set[int]:
    """Returns the versions of a model that the audit log says anything of, whether they are still there or not."""
    subjects = [entry.subject.rpartition("/") for entry in entries]
    return {int(number) for name, _, number in subjects if name == model and number.isdecimal()}


def record(serving_root: Path, action: str, approval: Approval) -> AuditEntry:
    """Appends an approval, or the withdrawal of one, to the audit log; on the disk when this returns.

    Call it within `only_writer`.

    Args:
        serving_root: `OUTPUT/serving`.
        action: `APPROVE` or `WITHDRAW`.
        approval: what is recorded; of a withdrawal who withdraws, and why.

    Raises:
        AuditBroken, ConfigurationError: as `read_audit`; nothing is written then.
    """
    return _record(serving_root, approval, {action: _details(approval)})[0]


def record_rollback(
    serving_root: Path, said: Approval, *, restores: int, approve: bool = False
) -> tuple[AuditEntry, ...]:
    """Appends that a version was published which restores another one's model; as `record`.

    Args:
        serving_root: `OUTPUT/serving`.
        said: the new version and its digest, and who published it, as what, and why.
        restores: the version whose model it is.
        approve: whether to record its approval too, in one write: a kill leaves both or neither.

    Raises:
        AuditBroken, ConfigurationError: as `read_audit`; nothing is written then.
    """
    details = _details(said)
    approval = {APPROVE: details} if approve else {}
    return _record(serving_root, said, {ROLL_BACK: {**details, "restores": restores}, **approval})


def _details(said: Approval) -> dict[str, Any]:
    return said.model_dump(include={"role", "statement", "digest"})


def _record(serving_root: Path, said: Approval, acts: Mapping[str, Mapping[str, Any]]) -> tuple[AuditEntry, ...]:
    """Appends an entry for each action with its details, in their order, all in one write."""
    entries = read_audit(serving_root)
    added: list[AuditEntry] = []
    for action, details in acts.items():
        entry = sealed(
            [*entries, *added][-1] if entries or added else None,
            at=said.at,
            actor=said.by,
            action=action,
            subject=f"{said.model}/{said.version}",
            details=details,
        )
        added.append(entry)
    _append(serving_root / AUDIT_FILE, [entry.model_dump_json() for entry in added], first=not entries)
    return tuple(added)


@contextmanager
def only_writer(serving_root: Path) -> Iterator[None]:
    """Holds the lock on what lies beside the models for the block; waits for whoever holds it.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    try:
        lock = (serving_root / _LOCK_FILE).open("a")
    except OSError as error:
        raise ConfigurationError(f"{serving_root} cannot be written: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _entry(number: int, line: bytes, *, unfinished: bool) -> AuditEntry:
    try:
        return AuditEntry.model_validate_json(line)
    except ValidationError as error:
        if unfinished:
            raise AuditBroken(
                f"audit log: line {number}, the last one, is not whole: somebody cut it, or its writer was cut off (a "
                "power cut) and told nobody that it was recorded. If you know that it was the latter, remove the line"
            ) from error
        raise AuditBroken(
            f"audit log: line {number} is no entry: it was changed, or written by something else"
        ) from error


def _append(path: Path, lines: Sequence[str], *, first: bool) -> None:
    """Adds lines behind the entries that were read, in one write, or nothing.

    Raises:
        ConfigurationError: it cannot be written.
    """
    before = path.read_bytes() if path.exists() else b""
    parted = b"" if not before or before.endswith(b"\n") else b"\n"
    try:
        with path.open("ab", buffering=0) as file:
            try:
                _write_all(file, parted + "".join(f"{line}\n" for line in lines).encode())
                os.fsync(file.fileno())
            except OSError:  # a full disk took a part of it
                file.truncate(len(before))
                raise
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}; nothing was recorded") from error
    if first:
        _flush_folder(path.parent)


def _write_all(file: RawIOBase, data: bytes) -> None:
    while data:
        data = data[file.write(data) or 0 :]


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
