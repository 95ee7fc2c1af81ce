"""What a worker of a training on several machines does: waits for the training, for the other workers, and fits."""

from __future__ import annotations

import dataclasses
import faulthandler
import hashlib
import itertools
import json
import logging
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from data_schemas.errors import ConfigurationError, RadflowError, TrainingFailed
from data_schemas.training_cluster import TrainingCluster
from models.training import task_devices, train
from models.training_notes import NoteWriter
from models.training_parallel import ALIVE_FILE, HANDED, TRAINING_FILE, HandedTraining, versions
from models.training_state import state_bytes
from models.worker_job import read_job

_LOG = logging.getLogger("radflow.progress")
_SAY_EVERY = 60
_POLL_S = 1.0
_CONNECT_S = 120


@dataclass(frozen=True)
class _Job:
    """What `models.training_parallel` has handed out.

    Attributes:
        handed: the folder of it.
        text: its description as it was written; no two jobs have the same.
        training: its description.
    """

    handed: Path
    text: str
    training: HandedTraining

    @property
    def state_folder(self) -> Path:
        return self.handed.parent / self.training.state


def take_part(folder: Path, cluster: TrainingCluster, *, wait_s: float) -> None:
    """Waits for a training, and fits it with the others.

    Args:
        folder: in which the Trainer hands it out.
        cluster: the machines, and which of them this is.
        wait_s: seconds within which a training must come.

    Raises:
        TrainingFailed: none came, not all others came, or one of them was lost.
        ConfigurationError: this machine cannot work as it is set up.
        TrainingDiverged: the network no longer gives numbers.
    """
    _log_to_terminal(cluster)
    deadline = time.monotonic() + wait_s
    while not _work(_await_job(folder, deadline=deadline), cluster):
        _LOG.info("the Trainer has ended")


def _log_to_terminal(cluster: TrainingCluster) -> None:
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.INFO)
    terminal.setFormatter(logging.Formatter(f"worker {cluster.index}: %(message)s"))
    _LOG.addHandler(terminal)
    _LOG.setLevel(logging.DEBUG)
    _LOG.propagate = False  # TensorFlow brings a handler of its own


def _await_job(folder: Path, *, deadline: float) -> _Job:
    """Waits for a training that its Trainer still waits for: what a killed one has left does not count.

    Raises:
        TrainingFailed: none came in time.
    """
    handed, seen = folder / HANDED, ("", "")
    for seconds in itertools.count():
        now = _read(handed / TRAINING_FILE), _read(handed / ALIVE_FILE)
        if now[0] and now[0] == seen[0] and now[1] != seen[1]:
            return _Job(handed, now[0], HandedTraining(**json.loads(now[0])))
        seen = now if now[0] != seen[0] else seen
        if time.monotonic() > deadline:
            raise TrainingFailed(f"no training was handed out in {folder}; is it OUTPUT/unfinished/TASK/training?")
        if seconds % _SAY_EVERY == 0:
            _LOG.info("waiting for a run to hand out its training in %s", folder)
        time.sleep(_POLL_S)
    raise AssertionError


def _work(job: _Job, cluster: TrainingCluster) -> bool:
    """Trains with the others; returns whether the training was there until they all had come.

    Raises:
        RadflowError: the training cannot begin, or did not come to its end.
    """
    notes = NoteWriter(job.handed / job.training.notes) if cluster.chief else None
    if notes:
        _LOG.addHandler(notes)
    try:
        _require_same_versions(job)
        epochs = _train(job, cluster) if _all_came(job, cluster) else None
    except RadflowError as error:
        if notes:
            notes.end(error.exit_code, str(error))
        raise
    except Exception as error:
        if notes:  # a text that nobody foresaw may name a file
            notes.end(1, f"{type(error).__name__} in the training; the log of the first worker has more")
        raise
    finally:
        if notes:
            _LOG.removeHandler(notes)
    if notes and epochs is not None:
        notes.end(0, epochs=epochs)
    return epochs is not None


def _require_same_versions(job: _Job) -> None:
    if job.training.versions != versions():
        raise ConfigurationError(
            f"this worker has {versions()}, and the run has {job.training.versions}: install the same on all machines"
        )


def _all_came(job: _Job, cluster: TrainingCluster) -> bool:
    """Waits until every worker has this very job and the same state of it; returns False where the job has gone.

    TensorFlow itself would wait without a word, and without an end.

    Raises:
        TrainingFailed: some did not come in time.
    """
    known = hashlib.sha256(job.text.encode() + state_bytes(job.state_folder)).hexdigest()
    deadline = time.monotonic() + job.training.join_s
    try:
        (job.handed / f"here_{cluster.index}").write_text(known)
    except FileNotFoundError:
        return False
    for seconds in itertools.count():
        if _read(job.handed / TRAINING_FILE) != job.text:
            return False
        names = [
            f"worker {index} ({address})"
            for index, address in enumerate(cluster.addresses)
            if _read(job.handed / f"here_{index}") != known
        ]
        if not names:
            return True
        if time.monotonic() > deadline:
            raise TrainingFailed(
                f"{', '.join(names)} did not come within {job.training.join_s:.0f} s: start python -m "
                f"models.training_worker {job.handed.parent} there, each with its own TF_CONFIG, and run again"
            )
        if seconds % _SAY_EVERY == 0:
            _LOG.info("waiting for %s", ", ".join(names))
        time.sleep(_POLL_S)
    raise AssertionError


def _train(job: _Job, cluster: TrainingCluster) -> int:
    """Joins the cluster and fits; returns the number of epochs.

    Raises:
        RadflowError: a machine was lost, or the training diverged.
    """
    task, (train_split, eval_split), weights = read_job(job.handed)
    name = weights[task.model.backbone]
    _LOG.info("joining %s; each must be reached by all within %d s", ", ".join(cluster.addresses), _CONNECT_S)
    with _ended_after(_CONNECT_S):
        devices = task_devices(task, cluster=cluster)
    try:
        trained = train(
            task,
            train_split,
            # In memory: the Trainer removes the files once the chief has ended, which can be before this one has.
            dataclasses.replace(eval_split, images=np.array(eval_split.images)),
            weights=job.handed / name if name else None,
            devices=devices,
            state_folder=job.state_folder,
        )
    except tf.errors.ResourceExhaustedError:
        raise
    except tf.errors.OpError as error:
        traceback.print_exc()
        raise TrainingFailed(
            f"worker {cluster.index} lost the others ({type(error).__name__}): one of them was stopped, has failed, or "
            "cannot be reached. Its log may say why. Start the workers and run again: epochs that were completed are "
            "kept"
        ) from error
    return len(trained.history)


@contextmanager
def _ended_after(seconds: int) -> Iterator[None]:
    """Ends the process when the block takes longer.

    TensorFlow waits for the others with Python's lock in its hands, so that no thread of Python's could do it.
    """
    with Path(os.devnull).open("w") as nothing:
        faulthandler.dump_traceback_later(seconds, exit=True, file=nothing)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _read(path: Path) -> str:
    """Returns a file's text; nothing where it is not there, or not any more."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
