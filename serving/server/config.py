"""Which models a server serves, from where, and which of their versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_VERSION = re.compile(r"[0-9]+")
_MAX_VERSION = 2**63 - 1


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions on disk are served: the `latest` so many, or the `specific` ones, or `every` one."""

    latest: int = 1
    specific: frozenset[int] = frozenset()
    every: bool = False

    def choose(self, versions: Mapping[int, Path]) -> dict[int, Path]:
        """Returns the versions to serve, newest first."""
        newest_first = sorted(versions, reverse=True)
        if self.specific:
            newest_first = [version for version in newest_first if version in self.specific]
        elif not self.every:
            newest_first = newest_first[: self.latest]
        return {version: versions[version] for version in newest_first}


@dataclass(frozen=True)
class ModelConfig:
    """One model: the name it is served under, the folder of its versions, and which of them are served."""

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy()


def version_folders(base_path: Path) -> dict[int, Path]:
    """Returns the version folders under a base path by their number; `001` is version 1.

    Hidden folders, files and names that are not a whole number from 0 to 2**63 - 1 are none. Of two folders with one
    number the one with the shorter name counts.

    Raises:
        OSError: the base path cannot be listed.
    """
    numbered = [entry for entry in base_path.iterdir() if _VERSION.fullmatch(entry.name) and entry.is_dir()]
    longest_first = sorted(numbered, key=lambda entry: len(entry.name), reverse=True)
    return {int(entry.name): entry for entry in longest_first if int(entry.name) <= _MAX_VERSION}
