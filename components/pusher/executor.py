"""Publishes a blessed model: written beside the served folder's versions, then renamed into place.

TFX's executor copies file by file into the version folder itself and names it by the clock; a kill in between leaves
half a version where a server looks, and a clock set back serves an old model.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from data_schemas.model_files import ALREADY_SERVED
from data_schemas.served_folder import model_digest, newest_version, versions

_HIDDEN = ".pushing-"


class Executor(executor.Executor):
    """Executor of Pusher."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the model if the Evaluator and the canary blessed it."""
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        destination = proto_utils.json_to_proto(exec_properties["push_destination"], pusher_pb2.PushDestination())
        folder = Path(destination.filesystem.base_directory)
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        before = newest_version(folder)
        version = publish(Path(self.GetModelPath(input_dict)), folder)
        pushed.set_int_custom_property(ALREADY_SERVED, int(version == before))
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)


def publish(model: Path, folder: Path) -> Path:
    """Returns the version folder under which a model is served, after making it by one rename.

    A model that is served already, byte by byte, keeps its version: a run that goes on after a kill pushes once.

    Args:
        model: the SavedModel.
        folder: `OUTPUT/serving/TASK`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{_HIDDEN}*"):
        shutil.rmtree(leftover)
    newest = newest_version(folder)
    if newest is not None and model_digest(newest) == model_digest(model):
        return newest
    hidden = folder / f"{_HIDDEN}{os.getpid()}"
    shutil.copytree(model, hidden)
    _flush(hidden)
    version = folder / str(max(versions(folder), default=0) + 1)
    hidden.rename(version)
    _flush_entry(folder)
    return version


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
