"""A worker of a search: `python -m models.tuning_worker FOLDER` asks the chief for trials until there are no more.

The chief is where KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT say, and KERASTUNER_TUNER_ID is this worker's name,
another for each. FOLDER is what the chief says when it starts.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from models.worker_process import WITH_PARENT, end_with_parent

_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
_USAGE = 2
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Works, and returns the exit code.

    Args:
        argv: the words after the module's name; those of the process when None.
    """
    parser = argparse.ArgumentParser(prog="python -m models.tuning_worker", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="what the chief wrote for its workers")
    parser.add_argument(WITH_PARENT, action="store_true", help="end when standard input does")
    arguments = parser.parse_args(argv)
    missing = [name for name in _VARIABLES if name not in os.environ]
    if missing or not (arguments.folder / "job.json").is_file():
        what = f"set {', '.join(missing)}" if missing else f"{arguments.folder} has no job.json"
        print(f"tuning_worker: {what}; the chief says what to start", file=sys.stderr)  # noqa: T201  # it is a command
        return _USAGE
    if arguments.with_parent:
        end_with_parent()
    try:
        _work(arguments.folder)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _work(folder: Path) -> None:
    from models.tuning import TaskTuner
    from models.worker_job import read_job

    logging.basicConfig(level=logging.INFO, format=f"{os.environ['KERASTUNER_TUNER_ID']}: %(message)s")
    task, splits, weights = read_job(folder)
    TaskTuner(task, splits, weights=weights, folder=folder).search()


if __name__ == "__main__":
    sys.exit(main())
