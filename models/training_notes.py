"""What the chief of a training on several machines says while it trains: lines of a file that the Trainer follows.

A file, since the chief may be on another machine than the Trainer, with a folder in common and nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from data_schemas.errors import TrainingFailed

_BEAT_S = 5.0


class NoteWriter(logging.Handler):
    """Writes each record as a line, and a line every few seconds in which nothing is said.

    Args:
        path: the file, which the Trainer has made; lines are added to it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(logging.DEBUG)
        self._path, self._over = path, threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record.

        Raises:
            TrainingFailed: the Trainer has removed the file: nobody waits for this training any more.
        """
        self._write({"level": record.levelno, "text": record.getMessage()})

    def end(self, code: int, text: str = "", *, epochs: int = 0) -> None:
        """Writes that the training has ended: with an exit code, why, and after how many epochs of all phases."""
        self._over.set()
        self._write({"code": code, "text": text, "epochs": epochs})

    def _beat(self) -> None:
        with suppress(TrainingFailed):
            while not self._over.wait(_BEAT_S):
                self._write({})

    def _write(self, note: dict[str, Any]) -> None:
        # Opened for each line: on a network's file system others see what was written once it is closed.
        try:
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_APPEND), "w", encoding="utf-8") as file:
                file.write(json.dumps(note) + "\n")
        except FileNotFoundError as error:
            raise TrainingFailed("the Trainer has ended, for which this trains: run again") from error


class NoteReader:
    """Reads what a `NoteWriter` has written, each line once.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def new(self) -> list[dict[str, Any]]:
        """Returns the lines that were not read before; one that is still being written is left for later."""
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines[self._read :] if line.endswith("\n")]
        self._read += len(whole)
        return [json.loads(line) for line in whole]
