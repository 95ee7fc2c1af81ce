"""What a stopped training needs to go on: written after each epoch, whole or not at all.

Keras' own BackupAndRestore keeps the model and its optimizer; a training here is also its phase, its best weights so
far, how long ago those were, and what it has said of each epoch.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PROGRESS = logging.getLogger("radflow.progress")
_FILE = "training.npz"
_NOTES = "notes"


@dataclass
class TrainingState:
    """Where a training stands at the end of an epoch.

    Attributes:
        phase: index of the phase; epoch: epochs of it that are done.
        stale: epochs of the phase since the best one.
        phase_over: the phase ended, by its length or for want of progress.
        history: a row for each epoch of all phases.
        best: index in `history` of the best epoch, -1 before the first; best_value: the monitored value there.
        best_weights: the model's weights of that epoch.
        variables: values of all variables of model and optimizers, by place, so that the next epoch starts from them.
    """

    phase: int = 0
    epoch: int = 0
    stale: int = 0
    phase_over: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    best: int = -1
    best_value: float = -np.inf
    best_weights: list[np.ndarray] = field(default_factory=list)
    variables: list[np.ndarray] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Writes the state into a folder in one step."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = ("best_weights", "variables")
        notes = {key: value for key, value in vars(self).items() if key not in arrays}
        named = {f"{name}/{index}": value for name in arrays for index, value in enumerate(getattr(self, name))}
        partial = folder / f"{_FILE}.{os.getpid()}.partial"
        with partial.open("wb") as file:
            np.savez(file, **{_NOTES: np.array(json.dumps(notes))}, **named)
        partial.replace(folder / _FILE)

    @classmethod
    def load(cls, folder: Path) -> TrainingState | None:
        """Returns the state that was written last, or None where there is none that can be read."""
        path = folder / _FILE
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                notes = json.loads(str(saved[_NOTES]))
                arrays: dict[str, Any] = {name: _listed(saved, name) for name in ("best_weights", "variables")}
                return cls(**notes, **arrays)
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            PROGRESS.info("what an earlier training left cannot be read; it starts anew")
            return None


def state_bytes(folder: Path) -> bytes:
    """Returns the state's file as it is; nothing where there is none."""
    path = folder / _FILE
    return path.read_bytes() if path.is_file() else b""


def _listed(saved: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    count = sum(1 for key in saved if key.startswith(f"{name}/"))
    return [saved[f"{name}/{index}"] for index in range(count)]
