"""Opens what a gateway keeps, for the commands that read it."""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from serving.gateway.settings import GatewaySettings
    from serving.gateway.storage.store import Store


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say where a gateway keeps what it keeps, and of which time."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="the gateway's data folder [RADFLOW_GATEWAY_DATA_FOLDER, else radflow-output/gateway]",
    )
    parser.add_argument(
        "--database", metavar="URL", help="its database [RADFLOW_GATEWAY_DATABASE_URL, else gateway.db in the folder]"
    )
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="from then on, e.g. 2026-11-24 or 2026-11-24T15:00Z"
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="before then")


def open_store(arguments: argparse.Namespace) -> Store:
    """Returns the store that the arguments, or else the environment, name; nothing is made where there is none.

    Raises:
        ConfigurationError: there is none, it cannot be read, or it is another version's.
    """
    from serving.gateway.storage.store import Store

    settings = _settings(arguments)
    if settings.database_url.startswith("sqlite:"):
        file = Path(settings.database_url.split(":", 1)[1].removeprefix("//").removeprefix("/"))
        file = Path("/") / file
        if not file.is_file():
            raise ConfigurationError(
                f"there is no gateway's database in {file.parent}: name its data folder with --data, or --database"
            )
    return Store.open(settings.database_url, settings.image_store, migrated=False)


def _settings(arguments: argparse.Namespace) -> GatewaySettings:
    from serving.gateway.settings import PREFIX, GatewaySettings

    environment = dict(os.environ)
    if arguments.data is not None:
        # A folder that is named is the whole of it: the environment's database would be another gateway's.
        for name in ("DATABASE_URL", "IMAGE_STORE"):
            environment.pop(f"{PREFIX}{name}", None)
        environment[f"{PREFIX}DATA_FOLDER"] = str(arguments.data)
    if arguments.database is not None:
        environment[f"{PREFIX}DATABASE_URL"] = arguments.database
    return GatewaySettings.from_environment(environment)


def moment(text: str) -> datetime:
    """Returns a time of ISO 8601, UTC where no zone is given; a date is its first moment.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-11-24 or 2026-11-24T15:00Z") from error
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
