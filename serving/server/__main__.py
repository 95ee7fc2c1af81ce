"""`python -m serving.server --port 8500 --model_name NAME --model_base_path DIR`: the embedded model server.

Prints `serving NAME on HOST:PORT` when it answers; stops on SIGTERM or SIGINT once the running requests have finished.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from data_schemas.errors import RadflowError
from serving.server.options import parse_options
from serving.server.process import log_to_stderr, serve


def main(arguments: Sequence[str]) -> int:
    """Runs the server; returns the exit code: 0 after a signal to stop, else that of the error it names on stderr."""
    try:
        log_to_stderr()
        options = parse_options(arguments)
        serve(options, ready=lambda names, address: print(f"serving {names} on {address}", flush=True))
    except RadflowError as error:
        print(f"model server: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
