"""`radflow key`: makes, lists and revokes keys of the gateway's API."""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from serving.gateway.authentication.api_keys import ApiKey

_VARIABLE = "RADFLOW_GATEWAY_API_KEYS_FILE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = "Make, list or revoke a key of the gateway's API. A running gateway sees it at once."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="add, list or revoke")
    add = actions.add_parser("add", help="make a key and print it, once", description="Make a key and print it, once.")
    add.add_argument("--subject", required=True, metavar="NAME", help="whose key it is; kept in the file alone")
    add.add_argument("--role", required=True, choices=("reader", "admin"), help="an admin sees every group's cases")
    add.add_argument("--group", required=True, metavar="GROUP", help="whose cases it sees, e.g. a department")
    add.add_argument("--days", type=int, default=90, help="days until it expires, 0 for never [%(default)s]")
    listing = actions.add_parser("list", help="list the keys of the file", description="List the keys of the file.")
    revoke = actions.add_parser("revoke", help="take a key out of the file", description="Take a key out of the file.")
    revoke.add_argument("id", metavar="ID", help="as `list` prints it")
    for action in (add, listing, revoke):
        action.add_argument("--file", type=Path, metavar="FILE", help=f"file of the keys [{_VARIABLE}]")


def run(arguments: argparse.Namespace) -> int:
    """Does what the action says.

    Raises:
        ConfigurationError: no file is named, it cannot be used, or it has no such key.
    """
    path = _path(arguments.file)
    if arguments.action == "add":
        _add(path, arguments)
    elif arguments.action == "revoke":
        _revoke(path, arguments.id)
    else:
        _list(path)
    return 0


def _path(given: Path | None) -> Path:
    named = given or os.environ.get(_VARIABLE)
    if not named:
        raise ConfigurationError(f"name the file of the keys by --file, or by {_VARIABLE}")
    return Path(named)


def _add(path: Path, arguments: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from serving.gateway.authentication.api_keys import new_key, read_keys, write_keys

    if not 0 <= arguments.days <= 3650:
        raise ConfigurationError(f"--days {arguments.days}: at most 3650, or 0 for never")
    now = datetime.now(timezone.utc).replace(microsecond=0)
    expires = now + timedelta(days=arguments.days) if arguments.days else None
    kept = read_keys(path).keys if path.exists() else ()
    try:
        key, record = new_key(
            subject=arguments.subject, role=arguments.role, group=arguments.group, expires=expires, now=now
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise ConfigurationError(f"--{problem['loc'][0]}: {problem['msg']}") from error
    write_keys(path, (*kept, record))
    print(f"key {record.id} is in {path}; hand this to its user, it is not shown again:")
    print(key)


def _list(path: Path) -> None:
    from serving.gateway.authentication.api_keys import read_keys

    keys = read_keys(path).keys
    print(f"{'id':<12}  {'role':<6}  {'group':<16}  {'expires':<20}  subject")
    for key in keys:
        print(f"{key.id:<12}  {key.role:<6}  {key.group:<16}  {_expiry(key):<20}  {key.subject}")


def _expiry(key: ApiKey) -> str:
    return "never" if key.expires is None else f"{key.expires:%Y-%m-%d %H:%M} UTC"


def _revoke(path: Path, identifier: str) -> None:
    from serving.gateway.authentication.api_keys import read_keys, write_keys

    keys = read_keys(path).keys
    left = [key for key in keys if key.id != identifier]
    if len(left) == len(keys):
        raise ConfigurationError(f"{path} has no key {identifier}; `radflow key list` prints those that there are")
    write_keys(path, left)
    print(f"key {identifier} is revoked")
