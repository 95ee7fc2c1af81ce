"""Finds a set's folder and files with one walk, however it was unpacked."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from data_schemas.errors import ManifestError

_DEPTH = 2
"""Levels below the given folder at which a set's own folder is looked for: archives nest it once or twice."""

_DEBRIS = "__MACOSX"
"""What macOS adds to a zip: a folder of files that have the names of the real ones and none of their content."""


@dataclass(frozen=True)
class Files:
    """Files below a folder.

    Attributes:
        by_name: file name -> absolute path; of equal names in several folders the first path in sorted order.
        repeated: how many files were left out because of an equal name.
    """

    by_name: dict[str, str]
    repeated: int = 0

    def by_stem(self) -> dict[str, str]:
        """Returns the paths by file name without its suffix."""
        return {os.path.splitext(name)[0]: path for name, path in self.by_name.items()}  # noqa: PTH122  # of 100,000


def files_below(folder: Path, *suffixes: str) -> Files:
    """Returns the files with one of the suffixes (lower case, as `.png`; none for all), at any depth."""
    by_name: dict[str, str] = {}
    paths = paths_below(folder, *suffixes)
    for path in paths:
        by_name.setdefault(path.rsplit("/", 1)[1], path)
    return Files(by_name, len(paths) - len(by_name))


def paths_below(folder: Path, *suffixes: str) -> list[str]:
    """Returns the absolute paths of the files with one of the suffixes, as `files_below`, in sorted order."""
    paths: list[str] = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_debris(name))
        wanted = sorted(name for name in names if not suffixes or name.lower().endswith(suffixes))
        paths += [f"{where}/{name}" for name in wanted if not is_debris(name)]
    return paths


def folder_with(folder: Path, *patterns: str, layout: str) -> Path:
    """Returns the folder that has an entry for each pattern: the given one, or the one below it.

    Args:
        folder: what the user named.
        patterns: names with wildcards, e.g. `Data_Entry_2017*.csv`, or paths without, e.g. `train/NORMAL`.
        layout: for the message.

    Raises:
        ManifestError: there is none, or there are several at the same depth.
    """
    level = [folder] if folder.is_dir() else []
    for _ in range(_DEPTH + 1):
        matching = [one for one in level if _has(one, patterns)]
        if len(matching) == 1:
            return matching[0]
        if matching:
            problem = f"{len(matching)} folders have {' and '.join(patterns)}: name the one that is meant"
            raise ManifestError(f"layout {layout}", [problem])
        level = [below for one in level for below in _folders(one)]
    raise not_this_layout(folder, layout, " and ".join(patterns))


def not_this_layout(source: Path, layout: str, wanted: str) -> ManifestError:
    """Returns the error of a source that has not what the layout is known by."""
    problem = f"looked for {wanted} in the folder and {_DEPTH} levels below; found {what_is_in(source)}"
    return ManifestError(f"layout {layout}", [f"{problem}. `radflow manifest --about {layout}` says what it expects"])


def what_is_in(source: Path) -> str:
    """Returns what kinds of entries a folder has, by suffix: names may be a patient's."""
    if not source.is_dir():
        return "a single file" if source.is_file() else "nothing of that name"
    with os.scandir(source) as entries:
        kinds = Counter("folder" if entry.is_dir() else _suffix(entry.name) for entry in entries)
    most = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))[:6]
    return ", ".join(f"{count} {kind}" for kind, count in most) or "an empty folder"


def is_debris(name: str) -> bool:
    """Returns whether an entry is what an operating system left behind."""
    return name == _DEBRIS or name.startswith(".")


def _suffix(name: str) -> str:
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
    return f"*{suffix}" if 1 < len(suffix) <= 6 else "file without a suffix"


def _has(folder: Path, patterns: tuple[str, ...]) -> bool:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return all(
        (folder / pattern).exists() if "/" in pattern else any(fnmatch(name, pattern) for name in names)
        for pattern in patterns
    )


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not is_debris(entry.name))
