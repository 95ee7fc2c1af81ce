"""The sample files that the gateway puts in as cases, to try it on."""

from __future__ import annotations

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
