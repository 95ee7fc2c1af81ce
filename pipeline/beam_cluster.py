"""A Beam cluster on this machine for as long as a run lasts: a job service, and a pool of worker processes beside it.

To the steps it looks like a cluster elsewhere: pipelines are submitted over gRPC, and run in processes that have
neither this one's memory nor its modules.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from data_schemas.errors import RadflowError
from pipeline.beam_options import WORKERS_HAVE_CODE

_LOGGER = logging.getLogger(__name__)
_STOP_TIMEOUT_S = 30.0


@contextmanager
def local_cluster(workers: int, *, python: str = sys.executable, start_timeout_s: float = 120.0) -> Iterator[list[str]]:
    """Starts a cluster for the block; gives the arguments with which Beam's pipelines run on it.

    Args:
        workers: how many processes share a pipeline's work.
        python: the interpreter of services and workers; its environment has Radflow.
        start_timeout_s: seconds to wait for each service.

    Raises:
        RadflowError: a service did not start.
    """
    with (
        _service("pool", python=python, timeout_s=start_timeout_s) as pool,
        _service("jobs", f"--workers={workers}", python=python, timeout_s=start_timeout_s) as jobs,
    ):
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint=127.0.0.1:{jobs}",
            "--environment_type=EXTERNAL",
            f"--environment_config=127.0.0.1:{pool}",
            # It would ask pip what is installed, before each step.
            "--experiments=disable_logging_submission_environment",
            WORKERS_HAVE_CODE,
        ]


@contextmanager
def _service(name: str, *options: str, python: str, timeout_s: float) -> Iterator[int]:
    """Runs `pipeline.beam_service` for the block; gives its port."""
    command = [python, "-m", "pipeline.beam_service", name, *options]
    # The folder where a process starts is where it looks for modules first; ours are those that are installed.
    with (
        tempfile.TemporaryDirectory() as empty,
        subprocess.Popen(command, cwd=empty, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            port = _port(process, timeout_s=timeout_s)
            _LOGGER.info("Beam's %s are served by process %d on port %d", name, process.pid, port)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(process: subprocess.Popen[str], *, timeout_s: float) -> int:
    """Returns what the service prints when it is ready.

    Raises:
        RadflowError: it ended, or took too long.
    """
    too_late = threading.Timer(timeout_s, process.kill)
    too_late.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        too_late.cancel()
    if not line:
        raise RadflowError(f"a service of the Beam cluster ended with status {process.wait()} before it was ready")
    return int(line)
