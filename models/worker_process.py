"""Processes that work for this one: how they are started and stopped, and end with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

_STOP_TIMEOUT_S = 10.0
WITH_PARENT = "--with-parent"
"""Tells a worker to call `end_with_parent`."""


def start_worker(module: str, *words: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts a module of ours as a process that ends with this one, also when this one is killed.

    Args:
        module: its dotted name; it takes `WITH_PARENT`.
        words: what follows on its command line.
        environment: all of its environment variables.
    """
    # Of an open standard input, a worker sees the end when this process is killed.
    command = [sys.executable, "-m", module, WITH_PARENT, *words]
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)


def stop_workers(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ends processes that `start_worker` gave."""
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        if worker.stdin:
            worker.stdin.close()


def end_with_parent() -> None:
    """Makes this process end when its standard input does."""
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    # Not `sys.stdin.read`, whose lock this thread would hold when the interpreter shuts down.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)
