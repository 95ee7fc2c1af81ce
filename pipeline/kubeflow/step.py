"""What every step's pod runs. TFX is loaded only to run a step: processes that a step starts load this file too."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from data_schemas.errors import RadflowError
from pipeline.kubeflow.places import places


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one step; returns its exit code.

    Args:
        argv: as Kubeflow calls it; those of the process when None.
    """
    from pipeline.kubeflow.execution import read_step, run_step

    step = read_step(sys.argv[1:] if argv is None else argv)
    try:
        run_step(step, places())
    except RadflowError as error:
        sys.stderr.write(f"{step.node}: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
