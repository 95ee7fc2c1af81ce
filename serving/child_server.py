"""A model server as a child process, for as long as a block lasts."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from data_schemas.errors import ModelServerEnded

_STOP_TIMEOUT_S = 30.0
WITH_PARENT_VARIABLE = "RADFLOW_MODEL_SERVER_WITH_PARENT"
"""Tells a model server to end when its standard input does, which it does however the process that started it ends."""


@contextmanager
def child_server(
    folder: Path | None = None,
    *,
    name: str = "default",
    config_file: Path | None = None,
    options: Sequence[str] = (),
    start_timeout_s: float = 120.0,
    stderr: int | None = subprocess.DEVNULL,
) -> Iterator[str]:
    """Serves models on a free port of this machine; gives its address `HOST:PORT`, once it answers.

    Args:
        folder: `OUTPUT/serving/TASK`, or another folder of versions; None where `config_file` lists the models.
        name: what the model is called.
        config_file: `OUTPUT/serving/models.config`, or another ModelServerConfig, instead of a folder.
        options: further options of `python -m serving.server`.
        start_timeout_s: seconds to wait for the server.
        stderr: where its log goes, as `subprocess` spells it; None is where this process's own goes.

    Raises:
        ModelServerEnded: it ended, or took too long, before it was ready.
    """
    command = [
        sys.executable,
        "-m",
        "serving.server",
        "--port=0",
        *([f"--model_config_file={config_file}"] if config_file else [f"--model_name={name}"]),
        *([f"--model_base_path={folder}"] if folder else []),
    ]
    with started([*command, *options], start_timeout_s=start_timeout_s, stderr=stderr) as (_, address):
        yield address


@contextmanager
def started(
    command: Sequence[str], *, start_timeout_s: float = 120.0, stderr: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Runs a command that serves models; gives its process and its address `HOST:PORT`, once it answers.

    Args:
        command: its words; it prints `serving NAMES on HOST:PORT` when it is ready.
        start_timeout_s: seconds to wait for that line.
        stderr: where its log goes, as `subprocess` spells it; None is where this process's own goes.

    Raises:
        ModelServerEnded: it ended, or took too long, before it was ready.
    """
    with start(command, stderr=stderr) as process:
        try:
            yield process, ready_address(process, start_timeout_s)
        finally:
            stop(process)


def start(command: Sequence[str], *, stderr: int | None = None) -> subprocess.Popen[str]:
    """Starts a command that serves models, and ends with this process, also where this one is killed.

    Args:
        command: its words.
        stderr: where its log goes, as `subprocess` spells it; None is where this process's own goes.

    Raises:
        OSError: it cannot be started.
    """
    environment = os.environ | {WITH_PARENT_VARIABLE: "1"}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
    )


def stop(process: subprocess.Popen[str], timeout_s: float = _STOP_TIMEOUT_S) -> None:
    """Ends a server: it may finish what it answers, for so many seconds. Whatever happens, no process is left."""
    process.terminate()
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout_s)
    finally:
        process.kill()
        process.wait()


def ready_address(process: subprocess.Popen[str], timeout_s: float = 120.0) -> str:
    """Returns HOST:PORT from the line that the server prints when it is ready.

    Raises:
        ModelServerEnded: it ended, or took too long, before it was ready.
    """
    too_late = threading.Timer(timeout_s, process.kill)
    too_late.daemon = True  # where a signal ends this process, nothing waits for it
    try:
        too_late.start()
        for line in process.stdout or ():
            if line.startswith("serving "):
                return line.rsplit(" on ", 1)[1].strip()
    finally:
        too_late.cancel()
    raise ModelServerEnded(process.wait())
