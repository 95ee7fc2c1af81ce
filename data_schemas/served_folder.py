"""The folder that model servers poll: `OUTPUT/serving/TASK/VERSION/`, versions as plain integers."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from data_schemas.errors import ConfigurationError
from data_schemas.model_files import ADDED_FILES, ASSETS, SAVED_MODEL_FILE

_CHUNK = 1 << 20
_VERSION = re.compile(r"[0-9]+")
_MAX_VERSION = 2**63 - 1


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


def versions(folder: Path) -> dict[int, Path]:
    """Returns the versions in a served folder, by number; none where the folder does not exist yet.

    A folder without saved_model.pb is none: a kill left it half-written on a mounted bucket, or the file was removed.
    """
    found = version_folders(folder) if folder.is_dir() else {}
    return {number: path for number, path in found.items() if (path / SAVED_MODEL_FILE).is_file()}


def newest_version(folder: Path) -> Path | None:
    """Returns the folder of the highest version, or None when nothing is served."""
    found = versions(folder)
    return found[max(found)] if found else None


def resolve_version(folder: Path) -> Path:
    """Returns the version folder that a `--model DIR` means: itself, or its newest version.

    Raises:
        ConfigurationError: there is no model.
    """
    if (folder / SAVED_MODEL_FILE).is_file():
        return folder
    newest = newest_version(folder)
    if newest is None:
        raise ConfigurationError(
            f"no model in {folder}: give OUTPUT/serving/TASK, or one version folder in it; `radflow run` makes them"
        )
    return newest


def model_digest(version: Path) -> str:
    """Returns a SHA-256 over the names and bytes of every file of a model, in hex.

    What the Pusher adds is left out, so that a model and the version that it became have one digest.
    """
    digest = hashlib.sha256()
    added = {version / ASSETS / name for name in ADDED_FILES}
    for path in sorted(path for path in version.rglob("*") if path.is_file() and path not in added):
        digest.update(f"{path.relative_to(version)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def served_state(folder: Path) -> str:
    """Returns a text that changes when another model is served: part of the cache key of the step that reads it."""
    newest = newest_version(folder)
    return f"{newest.name}:{model_digest(newest)}" if newest else "nothing is served"
