"""Other processes as a test sees them: which of them run, and whether what they do has happened yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_Value = TypeVar("_Value")


def running(module: str, folder: Path) -> list[int]:
    """Returns the ids of the processes that were started as `python -m MODULE ... FOLDER`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        if module.encode() in words and str(folder).encode() in words:
            found.append(int(process.name))
    return found


def wait_until(condition: Callable[[], _Value], *, seconds: float = 120) -> _Value:
    """Returns what a condition gives once that is true; fails where it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds} s"
        time.sleep(0.1)
    return value
