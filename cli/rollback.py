"""`radflow rollback`: publishes a former version's model again, as the newest version; records who did so and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.serving_folder import (
    add_model_arguments,
    model_folder,
    persons_words,
    require_gates,
    serving_root,
    settle,
    version_folder,
)
from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from data_schemas.approvals import Approval
    from data_schemas.audit_chain import AuditEntry
    from data_schemas.restored import Restored


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Publish the model of a former version again, as a new version with the highest number, which says what it "
        "restores. It becomes the candidate, and what the next run's model is compared with; `approved` stays where it "
        "is unless --approve is given. The audit log OUTPUT/serving/audit.jsonl says who did so and why."
    )
    parser.add_argument(
        "version",
        type=int,
        nargs="?",
        metavar="VERSION",
        help="whose model [the highest version before the newest that has another model, and no withdrawn approval]",
    )
    parser.add_argument("--by", metavar="NAME", help="who decides this")
    parser.add_argument("--role", metavar="ROLE", help="as what, e.g. `chief radiologist`")
    parser.add_argument("--statement", metavar="TEXT", help="what is wrong with the newest version, and why this one")
    parser.add_argument("--approve", action="store_true", help="approve the new version too, in the same words")
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON, last")


def run(arguments: argparse.Namespace) -> int:
    """Publishes, records, and tells model servers.

    Raises:
        ConfigurationError: no such version, nothing to go back to, or something was left out.
        GateRefused: the version missed a gate.
        ModelAltered: the version's files are not those that were pushed.
        AuditBroken: the audit log cannot be relied on; nothing was published.
    """
    root = serving_root(arguments.output)
    words = persons_words(arguments, what="a rollback")
    folder = model_folder(root, arguments.model)
    done = roll_back(folder, arguments.version, words, approve=arguments.approve)
    print(done.text(), flush=True)
    settle(root)
    if arguments.json:
        print(json.dumps(done.to_json()))
    return 0


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did.

    Attributes:
        version: the folder that was published.
        restored: what it says of itself.
        entries: the audit log's.
        approved: the version that is approved now; None where none is.
    """

    version: Path
    restored: Restored
    entries: tuple[AuditEntry, ...]
    approved: int | None

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "model": self.version.parent.name,
            "version": int(self.version.name),
            "folder": str(self.version),
            "restores": self.restored.restores,
            "in_place_of": self.restored.in_place_of,
            "approved": self.approved,
            "audit": [{"number": one.number, "action": one.action, "hash": one.hash} for one in self.entries],
        }

    def text(self) -> str:
        """Returns it for people."""
        name, number = self.version.parent.name, int(self.version.name)
        lines = [f"Published: {name}/{number}, the model of version {self.restored.restores}, as {self.version}"]
        lines += [f"Audit entry {one.number} ({one.action}): {one.hash}" for one in self.entries]
        if self.approved == number:
            lines.append(f"Version {number} is the candidate, and approved.")
        else:
            holds = "No version is approved" if self.approved is None else f"Version {self.approved} is approved still"
            lines.append(f"Version {number} is the candidate. {holds}: `radflow approve {number}` changes that.")
        return "\n".join(lines)


def roll_back(folder: Path, number: int | None, words: Mapping[str, str], *, approve: bool) -> RolledBack:
    """Publishes a former version's model as the newest version, and records it.

    What a kill cut off, the same command completes: a version that is published and not recorded is recorded then, and
    one that is recorded is told to servers, if they were not.

    Args:
        folder: `OUTPUT/serving/TASK`.
        number: whose model; None is the former one.
        words: `by`, `role` and `statement`.
        approve: whether to approve it too.

    Raises:
        ConfigurationError, GateRefused, ModelAltered, AuditBroken: as `run`; nothing was published.
    """
    from components.pusher.publish import publish
    from data_schemas.approvals import only_writer, read_approvals, read_audit
    from data_schemas.digests import check_digests
    from data_schemas.model_files import RESTORED_FILE
    from data_schemas.models_config import write_models_config
    from data_schemas.restored import read_restored

    root = folder.parent
    with only_writer(root):
        entries = read_audit(root)
        version = _cut_off(folder, number, entries)
        if version is None:
            source = version_folder(folder, former_version(folder, entries) if number is None else number)
            check_digests(source)
            require_gates(source, what="not rolled back")
            _require_another_model(folder, source)
            restored = _restored(folder, source, words)
            version = publish(source, folder, {RESTORED_FILE: restored.model_dump_json(indent=1).encode()})
        said = read_restored(version)
        assert said is not None  # noqa: S101  # it was written or read above
        recorded = _record(version, said, words, entries, approve=approve)
        write_models_config(root)
        held = read_approvals(root).get(folder.name)
    return RolledBack(version, said, recorded, None if held is None else held.version)


def former_version(folder: Path, entries: Sequence[AuditEntry]) -> int:
    """Returns the highest version before the newest that one may want back.

    Its model is neither the newest version's nor one that a rollback went back from, nor was the approval withdrawn
    that the model had last, under whatever number.

    Raises:
        ConfigurationError: there is none.
    """
    from data_schemas.restored import read_restored
    from data_schemas.served_folder import model_digest, versions

    found = versions(folder)
    if not found:
        raise ConfigurationError(f"nothing to go back to: no version of {folder.name} has a model (saved_model.pb)")
    newest = max(found)
    given_up = {said.in_place_of for path in found.values() if (said := read_restored(path)) is not None}
    unwanted = {model_digest(found[number]) for number in (given_up | {newest}) & found.keys()}
    unwanted |= _withdrawn(folder.name, found, entries)
    for number in sorted(found.keys() - {newest}, reverse=True):
        if model_digest(found[number]) not in unwanted:
            return number
    raise ConfigurationError(
        f"nothing to go back to: of {folder.name}, every version before {newest} has the same model, was gone back "
        "from before, or had its approval withdrawn; name a VERSION to restore one all the same"
    )


def _withdrawn(model: str, found: Mapping[int, Path], entries: Sequence[AuditEntry]) -> set[str]:
    """Returns the digests of the models whose last approval was withdrawn.

    Of a version that was removed since, those count which restored its model, and the one that it restored.
    """
    from data_schemas.approvals import APPROVE, ROLL_BACK, WITHDRAW
    from data_schemas.served_folder import model_digest

    named = [(entry, entry.subject.rpartition("/")) for entry in entries]
    own = [(int(number), entry) for entry, (name, _, number) in named if name == model and number.isdecimal()]
    first: dict[int, int] = {}
    for number, entry in own:
        if entry.action == ROLL_BACK:
            first[number] = first.get(entry.details["restores"], entry.details["restores"])
    digests = {first.get(number, number): model_digest(path) for number, path in found.items()}
    last = {
        digests.get(first.get(number, number)): entry.action
        for number, entry in own
        if entry.action in (APPROVE, WITHDRAW)
    }
    return {digest for digest, action in last.items() if digest is not None and action == WITHDRAW}


def _require_another_model(folder: Path, source: Path) -> None:
    from data_schemas.served_folder import model_digest, newest_version

    newest = newest_version(folder)
    if newest is not None and model_digest(newest) == model_digest(source):
        raise ConfigurationError(
            f"the newest version, {folder.name}/{newest.name}, has the model of version {source.name} already"
        )


def _cut_off(folder: Path, number: int | None, entries: Sequence[AuditEntry]) -> Path | None:
    """Returns the newest version where it is the rollback that is asked for, cut off before servers were told of it."""
    from data_schemas.digests import check_digests, content_digest
    from data_schemas.models_config import told_versions
    from data_schemas.restored import read_restored
    from data_schemas.served_folder import newest_version

    newest = newest_version(folder)
    said = read_restored(newest) if newest else None
    if newest is None or said is None or number not in (None, said.restores):
        return None
    check_digests(newest)
    recorded = _recorded(newest, entries, digest=content_digest(newest))
    return None if recorded and int(newest.name) in told_versions(folder) else newest


def _recorded(version: Path, entries: Sequence[AuditEntry], *, digest: str) -> dict[str, AuditEntry]:
    """Returns by action what is recorded of a version's rollback, from the rollback on."""
    from data_schemas.approvals import ROLL_BACK

    found: dict[str, AuditEntry] = {}
    for entry in entries:
        of_it = entry.subject == f"{version.parent.name}/{version.name}" and entry.details.get("digest") == digest
        if of_it and (found or entry.action == ROLL_BACK):
            found[entry.action] = entry
    return found


def _restored(folder: Path, source: Path, words: Mapping[str, str]) -> Restored:
    from data_schemas.restored import Restored, read_restored
    from data_schemas.served_folder import versions

    former = read_restored(source)
    return Restored(
        restores=int(source.name),
        first_version=former.first_version if former else int(source.name),
        in_place_of=max(versions(folder)),
        at=datetime.now(timezone.utc),
        **words,
    )


def _record(
    version: Path, said: Restored, words: Mapping[str, str], entries: Sequence[AuditEntry], *, approve: bool
) -> tuple[AuditEntry, ...]:
    """Returns the entries of a rollback after recording those that are not recorded yet."""
    from data_schemas.approvals import APPROVE, record, record_rollback
    from data_schemas.digests import content_digest

    root, new = version.parent.parent, _said(version, words, digest=content_digest(version))
    recorded = _recorded(version, entries, digest=new.digest)
    if not recorded:
        return record_rollback(root, new, restores=said.restores, approve=approve)
    if approve and APPROVE not in recorded:
        recorded[APPROVE] = record(root, APPROVE, new)
    return tuple(recorded.values())


def _said(version: Path, words: Mapping[str, str], *, digest: str) -> Approval:
    from data_schemas.approvals import Approval

    now = datetime.now(timezone.utc)
    return Approval(model=version.parent.name, version=int(version.name), at=now, digest=digest, **words)
