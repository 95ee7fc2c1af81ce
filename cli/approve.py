"""`radflow approve`: records that a person approves a pushed version for use, and tells model servers of it."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Approve a pushed version for use: an entry in the audit log OUTPUT/serving/audit.jsonl says who and in what "
        "words, and the label `approved` moves to it. An older version can be approved again: that is how to roll back."
    )
    parser.add_argument("version", type=int, nargs="?", metavar="VERSION", help="the number of the version's folder")
    parser.add_argument("--by", metavar="NAME", help="who approves")
    parser.add_argument("--role", metavar="ROLE", help="as what, e.g. `chief radiologist`")
    parser.add_argument("--statement", metavar="TEXT", help="what was looked at, and why it may be used")
    add_model_arguments(parser)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--withdraw", action="store_true", help="withdraw the approval that VERSION has")
    choice.add_argument("--list", action="store_true", help="show every approval and withdrawal, oldest first")


def run(arguments: argparse.Namespace) -> int:
    """Approves, withdraws or lists.

    Raises:
        ConfigurationError: no such version, or something was left out.
        GateRefused: the version missed a gate.
        ModelAltered: the version's files are not those that were pushed.
        AuditBroken: the audit log cannot be relied on; nothing was recorded.
    """
    root = serving_root(arguments.output)
    if arguments.list:
        print(_listed(root, arguments.model))
        return 0
    words = persons_words(arguments, what="an approval")
    act = _withdraw if arguments.withdraw else _approve
    print(act(model_folder(root, arguments.model), arguments.version, words), flush=True)
    settle(root)
    return 0


def _approve(folder: Path, number: int | None, words: dict[str, str]) -> str:
    from data_schemas.approvals import APPROVE, only_writer, read_approvals, record
    from data_schemas.digests import check_digests, content_digest
    from data_schemas.models_config import write_models_config

    version, root = version_folder(folder, number), folder.parent
    with only_writer(root):
        checked = check_digests(version)
        require_gates(version, what="not approved")
        before = read_approvals(root).get(folder.name)
        approval = _approval(folder.name, int(version.name), words, digest=content_digest(version))
        entry = record(root, APPROVE, approval)
        write_models_config(root)
    unchecked = "It has no SHA256SUMS: nobody knows whether it is what was pushed. From now on its digest is kept."
    return "\n".join(
        [
            f"Approved: {entry.subject}, by {entry.actor} ({approval.role}). Audit entry {entry.number}: {entry.hash}",
            *([] if checked else [unchecked]),
            "No version was approved before." if before is None else f"Before: {_said(before)}",
        ]
    )


def _withdraw(folder: Path, number: int | None, words: dict[str, str]) -> str:
    from data_schemas.approvals import WITHDRAW, only_writer, read_approvals, record
    from data_schemas.models_config import write_models_config

    root = folder.parent
    with only_writer(root):
        before = read_approvals(root).get(folder.name)
        if before is None or before.version != number:
            holds = "no version is" if before is None else f"version {before.version} is"
            raise ConfigurationError(f"nothing to withdraw: of {folder.name}, {holds} approved")
        # Its files may be altered or gone, which is a reason to withdraw: the digest is that of what was approved.
        entry = record(root, WITHDRAW, _approval(folder.name, before.version, words, digest=before.digest))
        write_models_config(root)
    return "\n".join(
        [
            f"Withdrawn: the approval of {entry.subject}, by {entry.actor}. Audit entry {entry.number}: {entry.hash}",
            f"Before: {_said(before)}",
            "No version is approved now; an older one can be approved again.",
        ]
    )


def _approval(model: str, version: int, words: dict[str, str], *, digest: str) -> Approval:
    from data_schemas.approvals import Approval

    return Approval(model=model, version=version, at=datetime.now(timezone.utc), digest=digest, **words)


def _said(approval: Approval) -> str:
    return (
        f"version {approval.version}, by {approval.by} ({approval.role}), {approval.at:%Y-%m-%d %H:%M} UTC: "
        f'"{approval.statement}"'
    )


def _listed(root: Path, model: str | None) -> str:
    """Returns a line for each approval and withdrawal, and what holds now."""
    from data_schemas.approvals import APPROVE, WITHDRAW, read_approvals, read_audit
    from data_schemas.models_config import model_folders

    folders = model_folders(root) if model is None else [model_folder(root, model)]
    entries = [entry for entry in read_audit(root) if entry.action in (APPROVE, WITHDRAW)]
    lines = [_entry_line(entry) for entry in entries if model in (None, entry.subject.rpartition("/")[0])]
    held = read_approvals(root)
    return "\n".join([*lines, *(_now(folder.name, held.get(folder.name)) for folder in folders)])


def _entry_line(entry: AuditEntry) -> str:
    from data_schemas.approvals import APPROVE, approval_of

    one = approval_of(entry)
    verb = "approved" if entry.action == APPROVE else "approval withdrawn"
    when = f"{one.at:%Y-%m-%d %H:%M} UTC"
    return f'{entry.number}. {entry.subject} {verb} by {one.by} ({one.role}), {when}: "{one.statement}"'


def _now(model: str, held: Approval | None) -> str:
    return f"{model}: " + ("no version is approved" if held is None else f"version {held.version} is approved")
