"""A training on several machines, seen from the Trainer: it hands the training out, and waits for what comes of it.

TensorFlow joins a cluster only before it does anything else, and the Trainer's process has used it before. So machines
train in processes of their own (`models.training_worker`), on what lies in a folder that they have in common. The chief
of them keeps the state of the training, as a training on one machine does, and the Trainer goes on from there.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import shutil
import subprocess
import time
import uuid
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError, TrainingFailed
from data_schemas.task import Task
from data_schemas.training_cluster import TrainingCluster
from models.training_notes import NoteReader
from models.training_state import TrainingState
from models.worker_job import Splits, write_job
from models.worker_process import start_worker, stop_workers

PROGRESS = logging.getLogger("radflow.progress")
HANDED = "workers"
"""What workers are handed, in the folder that they are given."""
TRAINING_FILE, ALIVE_FILE = "training.json", "alive"
"""The first is written last, so that nobody begins on half of the rest; the other changes for as long as it holds."""

_MODULE = "models.training_worker"
_JOIN_S = 1800.0
_SILENCE_S = 120.0
_POLL_S = 0.5


@dataclass(frozen=True)
class HandedTraining:
    """What workers are told beside the job.

    Attributes:
        notes: name of the file that the chief adds to; another for each training that is handed out.
        state: name of the folder with the training's state, beside what is handed out.
        versions: of what must be the same on all machines.
        join_s: seconds within which all workers must have come.
    """

    notes: str
    state: str
    versions: dict[str, str]
    join_s: float


def train_on_cluster(
    task: Task,
    splits: Splits,
    *,
    cluster: TrainingCluster | None,
    weights: Path | None,
    state_folder: Path,
    join_s: float = _JOIN_S,
) -> None:
    """Fits a network on several machines, and leaves the state of the ended training in a folder.

    Args:
        task: the task.
        splits: `train` and `eval`.
        cluster: the machines; this one is the first of them. None where all workers are started by somebody else.
        weights: the pretrained weights' file, or None.
        state_folder: where the state is kept, and taken up again; workers are given the folder that it lies in.
        join_s: seconds within which all workers must have come.

    Raises:
        TrainingFailed: not all workers came, or one was lost.
        ConfigurationError: a worker cannot work as it is set up.
    """
    folder = state_folder.parent
    handed = folder / HANDED
    notes = _hand_out(handed, task, splits, weights=weights, state=state_folder.name, join_s=join_s)
    command = f"python -m {_MODULE} {folder}"
    try:
        if cluster is None:
            PROGRESS.info("waiting for the workers of the training; on each: %s", command)
            epochs = _follow(notes, chief=None, join_s=join_s)
        else:
            others = ", ".join(cluster.addresses[1:])
            PROGRESS.info("training on %d machines; on %s: %s", len(cluster.addresses), others, command)
            # This process has its share of a GPU's memory already.
            environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} | os.environ
            chief = start_worker(_MODULE, str(folder), environment=environment)
            try:
                epochs = _follow(notes, chief=chief, join_s=join_s)
            finally:
                stop_workers([chief])
    finally:
        shutil.rmtree(handed)
    _await_state(state_folder, epochs)


def versions() -> dict[str, str]:
    """Returns the versions that must be the same on all machines."""
    return {name: metadata.version(name) for name in ("radflow", "tensorflow", "keras")}


def _hand_out(handed: Path, task: Task, splits: Splits, *, weights: Path | None, state: str, join_s: float) -> Path:
    """Writes all that workers need; returns the file that the chief adds to."""
    write_job(handed, task, splits, {task.model.backbone: weights.name if weights else ""})
    if weights:
        shutil.copy(weights, handed / weights.name)  # under its name, which says whether it is a published one
    notes = handed / f"notes-{uuid.uuid4().hex}.jsonl"
    notes.touch()
    training = HandedTraining(notes.name, state, versions(), join_s)
    partial = handed / f"{TRAINING_FILE}.partial"
    partial.write_text(json.dumps(asdict(training)))
    partial.replace(handed / TRAINING_FILE)
    return notes


def _follow(path: Path, *, chief: subprocess.Popen[bytes] | None, join_s: float) -> int:
    """Says what the chief says, until it has ended; returns the number of epochs.

    Raises:
        TrainingFailed, ConfigurationError: as `train_on_cluster`.
    """
    notes, heard, said = NoteReader(path), time.monotonic(), ""
    limit = join_s + _SILENCE_S  # where workers do not come, the chief knows which
    for count in itertools.count():
        path.with_name(ALIVE_FILE).write_text(str(count))
        status = chief.poll() if chief else None  # looked at before what it said last is read
        for note in notes.new():
            heard, limit = time.monotonic(), _SILENCE_S
            if "code" in note:
                return _ended(note)
            if note.get("text"):
                said = note["text"]
                PROGRESS.log(note["level"], said)
        if status is not None:
            raise TrainingFailed(_lost(f"the process that trains on this machine ended with status {status}", said))
        if time.monotonic() - heard > limit:
            raise TrainingFailed(_lost(f"the first worker has said nothing for {limit:.0f} s", said))
        time.sleep(_POLL_S)
    raise AssertionError


def _ended(note: dict[str, Any]) -> int:
    if not note["code"]:
        return int(note["epochs"])
    raise (ConfigurationError if note["code"] == ConfigurationError.exit_code else TrainingFailed)(note["text"])


def _lost(what: str, said: str) -> str:
    last = f"; the last that it said was: {said}" if said else ""
    return f"{what}{last}. Its log may say more. Start the workers and run again: epochs that were completed are kept"


def _await_state(folder: Path, epochs: int) -> None:
    """Waits until this machine sees the state of the last epoch; a network's file system may show a former one."""
    deadline = time.monotonic() + _SILENCE_S
    while len((TrainingState.load(folder) or TrainingState()).history) < epochs:
        if time.monotonic() > deadline:
            raise TrainingFailed(
                f"the workers have trained {epochs} epochs, and {folder} does not have their state: workers and "
                "Trainer must have the same folder in common"
            )
        time.sleep(_POLL_S)
