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

    A run has its log, whose name is its id, before it is in the metadata store.
    """
    if not _locked(output / ".lock"):
        return None
    known = run_ids(output_database(output))
    newest = known[-1] if known else ""
    begun = max((log.stem for log in (output / "logs").glob("*.log") if log.stem not in known), default="")
    return max(begun, newest) or None


def _locked(lock: Path) -> bool:
    """Returns whether a process holds the lock, which the system gives back however that process ends."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no run has been there, or its folder cannot be read
        return False
    return False
