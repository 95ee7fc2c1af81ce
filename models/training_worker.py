"""A worker of a training on several machines: `python -m models.training_worker FOLDER` trains with the others.

TF_CONFIG says which machines they are, and which is this one. FOLDER is `OUTPUT/unfinished/TASK/training` of the run,
in which the Trainer hands the training out; until then, this waits. All workers fit the same training on the same data;
the first of them, the chief, keeps its state there, and the others write nothing but that they have come.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from data_schemas.errors import ConfigurationError, RadflowError
from data_schemas.training_cluster import training_cluster
from models.worker_process import WITH_PARENT, end_with_parent

_WAIT_MINUTES = 720.0
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Works, and returns the exit code.

    Args:
        argv: the words after the module's name; those of the process when None.
    """
    parser = argparse.ArgumentParser(prog="python -m models.training_worker", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="OUTPUT/unfinished/TASK/training of the run")
    parser.add_argument(
        "--wait-minutes", type=float, default=_WAIT_MINUTES, help="end when no training comes by then [%(default)g]"
    )
    parser.add_argument(WITH_PARENT, action="store_true", help="end when standard input does")
    arguments = parser.parse_args(argv)
    if arguments.with_parent:
        end_with_parent()
    try:
        cluster = training_cluster()
        if cluster is None:
            raise ConfigurationError("TF_CONFIG names no cluster of several machines: set it, other on each of them")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow says would hide what is said here
        from models.training_member import take_part

        take_part(arguments.folder, cluster, wait_s=60 * arguments.wait_minutes)
    except RadflowError as error:
        print(f"training_worker: {error}", file=sys.stderr)  # noqa: T201  # it is a command
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
