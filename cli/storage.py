"""`radflow storage`: what is done to a gateway's storage from outside, by hand or by a timer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cli.gateway_storage import add_place_arguments, problems_as_errors, storage_place

if TYPE_CHECKING:
    from serving.gateway.storage.retention import Purged

_ACTOR = "radflow storage purge"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.epilog = (
        "Without --data and --database it takes the gateway that RADFLOW_GATEWAY_... variables describe "
        "(docs/storage.md)."
    )
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True, help="purge or migrate")
    purge = commands.add_parser("purge", help="remove cases whose time is over, and files that belong to no case")
    purge.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    migrate = commands.add_parser("migrate", help="bring the database to the tables of this version")
    for command in (purge, migrate):
        add_place_arguments(command)
    purge.add_argument("--images", metavar="URL", help="with --database: the gateway's image store")


def run(arguments: argparse.Namespace) -> int:
    """Purges or migrates.

    Returns:
        0.

    Raises:
        ConfigurationError: there is no such storage, or it is of another version.
        RadflowError: database or image store are away.
    """
    with problems_as_errors():
        return _purge(arguments) if arguments.what == "purge" else _migrate(arguments)


def _purge(arguments: argparse.Namespace) -> int:
    from serving.gateway.storage.database import parsed_url, require_existing
    from serving.gateway.storage.store import Store

    place = storage_place(arguments)
    require_existing(parsed_url(place.database_url))
    store = Store.open(place.database_url, arguments.images or place.image_store, migrated=False)
    try:
        purged = store.purge(actor=_ACTOR, dry_run=arguments.dry_run)
    finally:
        store.close()
    print(_told(purged, "would be removed" if arguments.dry_run else "removed"))
    return 0


def _told(purged: Purged, verb: str) -> str:
    lines = [
        f"{purged.cases:,} cases whose time is over, with {purged.images:,} images ({purged.bytes:,} bytes): {verb}",
        f"{purged.orphans:,} files that belong to no case: {verb}",
        f"{purged.statistics:,} records of what models were sent, more than a year old: {verb}",
    ]
    if purged.not_exported:
        lines.append(
            f"{purged.not_exported:,} of the cases had feedback that was never exported (`radflow feedback export`)"
        )
    if purged.left:
        lines.append(f"{purged.left:,} files could not be removed now; the next purge tries again")
    return "\n".join(lines)


def _migrate(arguments: argparse.Namespace) -> int:
    from serving.gateway.storage.database import parsed_url
    from serving.gateway.storage.schema_version import migrate

    url = parsed_url(storage_place(arguments).database_url)
    before, after = migrate(url)
    shown = url.render_as_string(hide_password=True)
    done = "is up to date" if before == after else f"was brought from {before or 'no tables'}"
    print(f"{shown}: {done}, revision {after}")
    return 0
