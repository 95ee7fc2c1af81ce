"""The sample files that the gateway puts in as cases, to try it on."""

from __future__ import annotations

import itertools
from pathlib import Path

_MOST = 1000


def sample_files(folder: Path | None) -> list[Path]:
    """Returns the files of a folder and its folders, in the order of their names; none without a folder."""
    if folder is None:
        return []
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in _SUFFIXES)
    return sorted(files)[:_MOST]


_SUFFIXES = frozenset({".dcm", ".png", ".jpg", ".jpeg", ".nii", ".gz"})
"""A manifest beside them is no image."""


class SampleTurn:
    """Whose turn it is; may be used from many threads."""

    def __init__(self) -> None:
        self._count = itertools.count()

    def next(self, files: int) -> int:
        """Returns the place of the next one of so many files."""
        return next(self._count) % files
