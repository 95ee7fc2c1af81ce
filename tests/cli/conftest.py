"""A toy model, served by the real `radflow serve`."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Served:
    """What `radflow serve` said when it was ready."""

    lines: tuple[str, str]
    address: str


@pytest.fixture(scope="session")
def served_toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A model server alone, by `radflow serve`, on a free port; version 3 is the toy of tests/serving."""
    with _served(tmp_path_factory.mktemp("serving") / "synthetic_chest") as served:
        yield served


@pytest.fixture(scope="session")
def served_studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same for a task whose unit is the study."""
    with _served(tmp_path_factory.mktemp("studies") / "synthetic_chest", unit="study") as served:
        yield served


@contextmanager
def _served(folder: Path, **export: str) -> Iterator[Served]:
    runpy.run_path(str(ROOT / "tests" / "serving" / "toy_model.py"))["export"](folder / "3", **export)
    command = [sys.executable, "-m", "cli.main", "serve", "--no-page", "--model", str(folder), "--grpc-port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = (process.stdout.readline().rstrip(), process.stdout.readline().rstrip())
        yield Served(lines, lines[0].split()[-1])
    finally:
        process.terminate()
        process.wait(timeout=30)
        process.stdout.close()
