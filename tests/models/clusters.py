"""Machines of a training that are processes of this one: free ports, what TF_CONFIG says on each, and workers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKER = "models.training_worker"


def tf_configs(count: int = 2) -> list[str]:
    """Returns TF_CONFIG of each of so many machines, which are all this one."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(count)
    ]


@contextmanager
def worker(folder: Path, tf_config: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a worker as its user would; one that still runs is killed when the block ends."""
    environment = os.environ | {"TF_CONFIG": tf_config, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", WORKER, str(folder)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
