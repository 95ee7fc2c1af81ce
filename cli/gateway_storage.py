"""Where a command finds what a gateway keeps: named on the command line, else as the gateway itself is told."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import RadflowError

if TYPE_CHECKING:
    from serving.gateway.storage.store import Store


@dataclass(frozen=True)
class StoragePlace:
    """Where a gateway keeps things, as URLs of SQLAlchemy and fsspec."""

    database_url: str
    image_store: str


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that name a gateway's storage."""
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--data", type=Path, metavar="DIR", help="the gateway's data folder, with gateway.db and images/"
    )
    place.add_argument(
        "--database", metavar="URL", help="the gateway's database; a password is better set in the environment"
    )


def storage_place(arguments: argparse.Namespace) -> StoragePlace:
    """Returns what the arguments name, else what RADFLOW_GATEWAY_DATABASE_URL and its like say.

    Raises:
        ConfigurationError: the environment has a problem.
    """
    from serving.gateway.settings import PREFIX, GatewaySettings

    environ = dict(os.environ)
    if arguments.data is not None:
        for name in ("DATABASE_URL", "IMAGE_STORE"):
            environ.pop(PREFIX + name, None)
        environ[f"{PREFIX}DATA_FOLDER"] = str(arguments.data)
    if arguments.database is not None:
        environ[f"{PREFIX}DATABASE_URL"] = arguments.database
    settings = GatewaySettings.from_environment(environ)
    return StoragePlace(settings.database_url, settings.image_store)


def open_existing(place: StoragePlace) -> Store:
    """Returns the store of a gateway that is there, to read what it keeps; nothing is made and nothing migrated.

    Raises:
        ConfigurationError: there is none, or it is of another version.
    """
    from serving.gateway.storage.database import parsed_url, require_existing
    from serving.gateway.storage.store import Store

    require_existing(parsed_url(place.database_url))
    return Store.open(place.database_url, place.image_store, migrated=False)


@contextmanager
def problems_as_errors() -> Iterator[None]:
    """Turns what the gateway would answer a request with into an error that ends a command.

    Raises:
        RadflowError: with the problem's detail.
    """
    from serving.gateway.problems import ProblemError

    try:
        yield
    except ProblemError as error:
        raise RadflowError(error.detail) from error
