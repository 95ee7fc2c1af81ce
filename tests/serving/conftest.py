"""A tiny exported model, and real model servers on free ports."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ServerProcess:
    """A model server that has been started; `address` is read when it says that it is ready."""

    process: subprocess.Popen[str]
    log: Path

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def wait_until_ready(self) -> str:
        """Returns HOST:PORT."""
        line = self.stdout.readline()
        assert line.startswith("serving "), f"{line}{self.log.read_text()}"
        return line.split()[-1]

    def stop(self) -> int:
        """Asks it to stop; returns its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.stdout.close()


StartServer = Callable[..., ServerProcess]


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts `python -m serving.server` with the flags it is called with, on a free port."""
    started: list[ServerProcess] = []

    def start(*flags: str) -> ServerProcess:
        log = tmp_path_factory.mktemp("server") / "stderr"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "serving.server", "--port=0", *flags],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        started.append(ServerProcess(process, log))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def export_toy() -> Callable[..., None]:
    """Exports `toy_model.py`: `export_toy(version_dir, offset=0.0)`."""
    export: Callable[..., None] = runpy.run_path(str(Path(__file__).with_name("toy_model.py")))["export"]
    return export


@pytest.fixture(scope="session")
def toy_versions(export_toy: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the versions 1 (offset 0) and 2 (offset 1); tests copy what they need."""
    folder = tmp_path_factory.mktemp("toy_versions")
    export_toy(folder / "1")
    export_toy(folder / "2", offset=1.0)
    return folder


@pytest.fixture(scope="session")
def toy_server(toy_versions: Path, start_server: StartServer) -> str:
    """The address of a server with the newest toy under the name `toy`, which no test changes."""
    return start_server("--model_name=toy", f"--model_base_path={toy_versions}").wait_until_ready()
