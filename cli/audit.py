"""`radflow audit`: checks the chains of the gateway's audit log and of a model's approvals, and prints them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cli.gateway_storage import add_place_arguments, problems_as_errors, storage_place
from data_schemas.errors import AuditBroken, ConfigurationError

if TYPE_CHECKING:
    from data_schemas.audit_chain import AuditEntry

_HEAD_DIGITS = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = (
        "Without --data, --database and --serving it takes the log of the gateway that RADFLOW_GATEWAY_... variables "
        "describe. `verify` exits with 7 when an entry was changed, removed or added by another way."
    )
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True, help="verify or list")
    verify = commands.add_parser("verify", help="check the chain, and print the head hash to note")
    listed = commands.add_parser("list", help="print the entries, a JSON object a line, oldest first")
    for command in (verify, listed):
        add_place_arguments(command)
        command.add_argument("--serving", type=Path, metavar="DIR", help="OUTPUT/serving, with the log of approvals")
    verify.add_argument(
        "--head", action="append", default=[], metavar="HASH",
        help="a head hash noted earlier: exit with 7 unless it is still in a log; can be repeated",
    )  # fmt: skip
    listed.add_argument("--after", type=int, default=0, metavar="NUMBER", help="begin after the entry with this number")
    listed.add_argument("--action", metavar="WORD", help="only entries of this action, e.g. delete")
    listed.add_argument("--subject", metavar="ID", help="only entries about this case, or MODEL/VERSION")


def run(arguments: argparse.Namespace) -> int:
    """Checks or prints the logs that are named.

    Returns:
        0.

    Raises:
        AuditBroken: a chain is broken, or a head that was noted is in no log.
        ConfigurationError: there is no such log, or no entry of the action that was asked for.
    """
    with problems_as_errors():
        logs = dict(_logs(arguments))
        return _verify(logs, arguments.head) if arguments.what == "verify" else _list(logs, arguments)


def _logs(arguments: argparse.Namespace) -> Iterator[tuple[str, Iterator[AuditEntry]]]:
    """Yields the logs that are named, each under what to call it."""
    if arguments.serving is None or arguments.data is not None or arguments.database is not None:
        from serving.gateway.storage.audit_log import read_log
        from serving.gateway.storage.database import parsed_url

        url = storage_place(arguments).database_url
        yield parsed_url(url).render_as_string(hide_password=True), read_log(url)
    if arguments.serving is not None:
        yield str(arguments.serving), _approvals(arguments.serving)


def _approvals(serving: Path) -> Iterator[AuditEntry]:
    from data_schemas.approvals import AUDIT_FILE, read_audit

    if not serving.is_dir():
        raise ConfigurationError(f"{serving} is no folder: it is the OUTPUT/serving of a run")
    if not (serving / AUDIT_FILE).exists():
        raise ConfigurationError(f"{serving} has no {AUDIT_FILE}: nothing was approved there, or the log was removed")
    yield from read_audit(serving)


def _verify(logs: dict[str, Iterator[AuditEntry]], heads: list[str]) -> int:
    wrong = [head for head in heads if len(head) != _HEAD_DIGITS]
    if wrong:
        raise ConfigurationError(f"--head {wrong[0]}: a head hash has {_HEAD_DIGITS} digits")
    missing = dict.fromkeys(head.lower() for head in heads)
    for name, entries in logs.items():
        _verify_one(name, entries, missing)
    if missing:
        raise AuditBroken(
            f"no entry has the hash {next(iter(missing))} that was noted: the log's end was cut off, or it was "
            "written anew"
        )
    if heads:
        print("every head that was noted is in a log")
    return 0


def _verify_one(name: str, entries: Iterator[AuditEntry], missing: dict[str, None]) -> None:
    """Checks one chain, says what it is like, and takes those hashes out of `missing` that it has."""
    from data_schemas.audit_chain import GENESIS, check_chain

    first: list[AuditEntry] = []

    def looked_at() -> Iterator[AuditEntry]:
        for entry in entries:
            first[:] = first or [entry]
            missing.pop(entry.hash, None)
            yield entry

    try:
        last = check_chain(looked_at())
    except AuditBroken as error:
        raise AuditBroken(f"{name}: {error}") from error
    number = 0 if last is None else last.number
    print(f"{name}: {number:,} {'entry' if number == 1 else 'entries'}, unbroken")
    if last is not None:
        print(f"  first {first[0].at.isoformat()}, last {last.at.isoformat()}")
    missing.pop(GENESIS, None)  # noted of a log that was still empty
    print(f"  head  {GENESIS if last is None else last.hash}")


def _list(logs: dict[str, Iterator[AuditEntry]], arguments: argparse.Namespace) -> int:
    actions: set[str] = set()
    for entries in logs.values():
        for entry in entries:
            actions.add(entry.action)
            if _wanted(entry, arguments):
                print(entry.model_dump_json())
    if arguments.action is not None and arguments.action not in actions:
        there = ", ".join(sorted(actions)) or "none"
        raise ConfigurationError(f"--action {arguments.action}: no entry is of such an action; there are {there}")
    return 0


def _wanted(entry: AuditEntry, arguments: argparse.Namespace) -> bool:
    return (
        entry.number > arguments.after
        and arguments.action in (None, entry.action)
        and arguments.subject in (None, entry.subject)
    )
