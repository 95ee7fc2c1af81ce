"""Whether a run is going on or has ended, and at which step: by the metadata store, and by the lock of the output."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from pipeline.lineage import RunOutputs, run_ids
from pipeline.metadata_database import output_database

_STOPPED_AT = (
    metadata_store_pb2.Execution.NEW,
    metadata_store_pb2.Execution.RUNNING,
    metadata_store_pb2.Execution.FAILED,
)

_AFTER = "after "
"""Begins what a run of the `tfx` command writes into the lock: TFX gives it its id later."""


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes:
        output: its folder.
        run_id: its name.
        going_on: whether a process is at work on it.
        step: where it is, or was when it ended before its end; empty where that is not known, or it came to its end.
    """

    output: Path
    run_id: str
    going_on: bool
    step: str

    def text(self) -> str:
        """Returns it as a sentence's beginning: `run X is going on, at Trainer` or `run X ended at DataCheck`."""
        where = f"{', at' if self.going_on else ' at'} {self.step}" if self.step else ""
        return f"run {self.run_id} {'is going on' if self.going_on else 'ended'}{where}"

    @property
    def log(self) -> Path:
        """Where `radflow run` writes what happens; there is none of a run of the `tfx` command."""
        return self.output / "logs" / f"{self.run_id}.log"


def run_state(output: Path, run_id: str) -> RunState:
    """Returns how far a run is.

    Args:
        output: the folder that was given to `radflow run --output`.
        run_id: one that is known, or that `going_on` gave.
    """
    nodes = RunOutputs(output_database(output), run_id).nodes(_STOPPED_AT) if run_ids(output_database(output)) else []
    return RunState(output, run_id, going_on(output) == run_id, nodes[-1] if nodes else "")


def going_on(output: Path) -> str | None:
    """Returns the id of the run that is at work in an output folder; None where none is.

    A run writes its id into the lock that it holds, before it is in the metadata store; `gc` and `withdraw` hold the
    same lock, and write nothing.
    """
    said = _said_by_holder(lock_file(output))
    if not said.startswith(_AFTER):
        return said or None
    newest = _newest(output)
    return newest if newest != said.removeprefix(_AFTER) else None


def lock_file(output: Path) -> Path:
    """Returns the file whose lock who changes an output's artifacts or records holds."""
    return output / ".lock"


def unnamed_run(output: Path) -> str:
    """Returns what a run writes into the lock that does not know its id: that it is the one after the newest so far."""
    return f"{_AFTER}{_newest(output)}"


def _newest(output: Path) -> str:
    known = run_ids(output_database(output))
    return known[-1] if known else ""


def _said_by_holder(lock: Path) -> str:
    """Returns what the lock's file says where a process holds the lock; the system gives it back however that ends."""
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
    except OSError:  # no run has been there, or its folder cannot be read
        pass
    return ""
