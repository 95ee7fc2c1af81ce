"""Patients who withdrew, by pseudonym: no later run uses them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from data_schemas.errors import ConfigurationError

_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


def read_withdrawn(path: Path) -> frozenset[str]:
    """Returns the pseudonyms of the patients who withdrew; none where there is no list.

    Args:
        path: a pseudonym a line.

    Raises:
        ConfigurationError: the list cannot be read, or a line is no pseudonym: overlooked, it would be used.
    """
    try:
        lines = path.read_text(encoding="ascii").split() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the list of withdrawals {path} cannot be read ({type(error).__name__})") from error
    if not all(map(is_pseudonym, lines)):
        raise ConfigurationError(f"the list of withdrawals {path} has a line that is no pseudonym: mend it")
    return frozenset(lines)


def add_withdrawn(path: Path, pseudonyms: Iterable[str]) -> None:
    """Adds pseudonyms to the list, which only its owner may read; it is replaced whole or not at all."""
    known = sorted(read_withdrawn(path) | set(pseudonyms))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write("".join(f"{pseudonym}\n" for pseudonym in known))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def withdrawals_digest(path: Path) -> str:
    """Returns a text that changes with the list, so that no step with another list is answered from a cache."""
    return hashlib.sha256("\n".join(sorted(read_withdrawn(path))).encode()).hexdigest()


def is_pseudonym(text: str) -> bool:
    """Returns whether a text has the form of `imaging.pseudonyms`' pseudonyms."""
    return _PSEUDONYM.fullmatch(text) is not None
