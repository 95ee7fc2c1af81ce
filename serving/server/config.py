"""Which models a server serves, from where, which of their versions, and under which labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
    """One model.

    Attributes:
        name: the name it is served under.
        base_path: the folder of its versions.
        policy: which of the versions are served.
        labels: pairs of a label and the version that it stands for.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = VersionPolicy()
    labels: tuple[tuple[str, int], ...] = ()
