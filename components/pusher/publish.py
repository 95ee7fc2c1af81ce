"""Publishes a model: written beside the served folder's versions, then renamed into place, then said to servers.

TFX's executor copies file by file into the version folder itself and names it by the clock; a kill in between leaves
half a version where a server looks, and a clock set back serves an old model.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from components.pusher.object_store import copy_model_last, remove_half_written, renames_folders
from data_schemas.approvals import numbers_named, only_writer, read_audit
from data_schemas.digests import write_digests
from data_schemas.model_files import ASSETS
from data_schemas.models_config import write_models_config
from data_schemas.served_folder import model_digest, newest_version, version_folders

_HIDDEN = ".pushing-"


def push(model: Path, folder: Path, added: Mapping[str, bytes]) -> Path:
    """Returns the version folder that a model became, after telling model servers of it.

    Servers learn of a version from `models.config` alone, so that a kill before it is written changes nothing for them;
    the next run writes it.

    Args:
        model: the SavedModel.
        folder: `OUTPUT/serving/TASK`.
        added: what goes into the version's `assets.extra` beside what the model has there, by name.

    Raises:
        AuditBroken: the approvals beside the models cannot be relied on; nothing is published.
        ConfigurationError: the folder cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder.parent):
        version = publish(model, folder, added)
        write_models_config(folder.parent)
    return version


def publish(model: Path, folder: Path, added: Mapping[str, bytes], *, renames: bool | None = None) -> Path:
    """Returns the version folder under which a model is served, after making it by one rename.

    On a mounted bucket no folder is renamed at once: there the version is written in place, its saved_model.pb last,
    and what a kill left of one is removed by the next.

    A model that is served already, byte by byte, keeps its version: a run that goes on after a kill pushes once. What
    was added to a version is no part of the model in this, and stays as it was.

    No number is given again that the audit log names for this model: what somebody said of a version that was removed
    since is not said of the next one.

    Args:
        model: as of `push`.
        folder: as of `push`.
        added: as of `push`.
        renames: whether a folder is renamed at once there; the file system says so unless given.

    Raises:
        AuditBroken, ConfigurationError: as of `push`.
    """
    named = numbers_named(read_audit(folder.parent), folder.name)
    renames = renames_folders(folder.absolute()) if renames is None else renames
    for leftover in folder.glob(f"{_HIDDEN}*"):
        shutil.rmtree(leftover)
    if not renames:
        remove_half_written(folder)
    newest = newest_version(folder)
    if newest is not None and model_digest(newest) == model_digest(model):
        return newest
    hidden = folder / f"{_HIDDEN}{os.getpid()}"
    shutil.copytree(model, hidden)
    _add(hidden, added)
    _flush(hidden)
    version = folder / str(max({*version_folders(folder), *named}, default=0) + 1)
    if renames:
        hidden.rename(version)
    else:
        copy_model_last(hidden, version)
        shutil.rmtree(hidden)
    _flush_entry(folder)
    return version


def _add(version: Path, added: Mapping[str, bytes]) -> None:
    """Writes what is added, and last the sums of it all."""
    (version / ASSETS).mkdir(exist_ok=True)
    for name, content in added.items():
        (version / ASSETS / name).write_bytes(content)
    write_digests(version)


def _flush(folder: Path) -> None:
    """Brings every file to the disk: after a power cut, a renamed folder must not hold empty files."""
    for path in folder.rglob("*"):
        _flush_entry(path)
    _flush_entry(folder)


def _flush_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
