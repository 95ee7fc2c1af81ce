"""Arguments that choose a span of time."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from data_schemas.errors import ConfigurationError


def add_span_arguments(parser: argparse.ArgumentParser, *, what: str) -> None:
    """Adds `--since` and `--until`.

    Args:
        parser: of the command.
        what: is chosen by its time.
    """
    parser.add_argument("--since", type=moment, metavar="TIME", help=f"only {what} from then on, e.g. 2026-11-24")
    parser.add_argument("--until", type=moment, metavar="TIME", help=f"only {what} before then, e.g. 2026-11-24T15:00Z")


def check_span(arguments: argparse.Namespace) -> None:
    """Raises where `--since` and `--until` leave no time between them.

    Raises:
        ConfigurationError: the one is not before the other.
    """
    if arguments.since is not None and arguments.until is not None and arguments.since >= arguments.until:
        raise ConfigurationError(
            f"--since {arguments.since.isoformat()} is not before --until {arguments.until.isoformat()}: swap them"
        )


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
