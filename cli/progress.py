"""Shows a run as it goes: a line for every stage, what happens within it, and how long it took."""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import dataclass
from typing import TextIO

STARTED, FINISHED, CACHED = "Component %s is running.", "Component %s is finished.", "A cached execution %d is used."
"""What TFX's local runner and launcher log; a test holds TFX to it."""


@dataclass
class Stage:
    """One finished stage: its component, the seconds it took, and whether the cache answered."""

    name: str
    seconds: float
    cached: bool


class Progress(logging.Handler):
    """Turns TFX's log and Radflow's own progress into lines for a person.

    Radflow's code says what it does through the logger `radflow.progress`: at INFO what is worth keeping, at DEBUG what
    the next line may overwrite.

    Args:
        out: the terminal.
        stages: how many stages there are.
    """

    def __init__(self, out: TextIO, *, stages: int) -> None:
        super().__init__(logging.DEBUG)
        self.finished: list[Stage] = []
        self._out, self._stages, self._tty = out, stages, out.isatty()
        self._name, self._start, self._cached = "", 0.0, False

    def attach(self) -> None:
        """Starts listening."""
        logging.getLogger("absl").addHandler(self)
        progress = logging.getLogger("radflow.progress")
        progress.addHandler(self)
        progress.setLevel(logging.DEBUG)

    def detach(self) -> None:
        """Stops listening."""
        logging.getLogger("absl").removeHandler(self)
        logging.getLogger("radflow.progress").removeHandler(self)
        if self._tty:
            self._out.write("\r\x1b[K")  # an unfinished line must not run into what comes next
            self._out.flush()

    def say(self, text: str) -> None:
        """Prints a line that stays."""
        self._line(text)

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record if it is one of ours, or one that marks a stage."""
        if record.name == "radflow.progress":
            self._show(f"      {record.getMessage()}", keep=record.levelno >= logging.INFO)
        elif record.msg == STARTED:
            self._begin(str(record.args[0]) if isinstance(record.args, tuple) else "")
        elif record.msg == CACHED:
            self._cached = True
        elif record.msg == FINISHED:
            self._end()

    def _begin(self, name: str) -> None:
        self._name, self._start, self._cached = name, time.monotonic(), False
        self._show(f"{self._position()} {name} ...", keep=not self._tty)

    def _end(self) -> None:
        stage = Stage(self._name, time.monotonic() - self._start, self._cached)
        self.finished.append(stage)
        cached = "  unchanged, from an earlier run" if stage.cached else ""
        self._line(f"{self._position(-1)} {stage.name:<17} {stage.seconds:6.1f} s{cached}")

    def _position(self, offset: int = 0) -> str:
        return f"[{len(self.finished) + 1 + offset:2d}/{self._stages}]"

    def _show(self, text: str, *, keep: bool) -> None:
        if keep:
            self._line(text)
        elif self._tty:
            self._out.write(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}")
            self._out.flush()

    def _line(self, text: str) -> None:
        self._out.write(f"\r\x1b[K{text}\n" if self._tty else f"{text}\n")
        self._out.flush()
