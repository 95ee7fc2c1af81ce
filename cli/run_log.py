"""Sends everything that libraries print, C++ included, to a log file, and leaves the terminal to us."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def logged_to(path: Path) -> Iterator[TextIO]:
    """Within the block, standard output and error go to `path`; gives the terminal (the former standard error).

    File descriptors are moved, not `sys.stdout`, because TensorFlow writes past Python.
    """
    # A library's error may name a file, and a file's name a patient: the log is its owner's alone.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        with os.fdopen(os.dup(saved[1]), "w", encoding="utf-8") as terminal:
            yield terminal
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # the log's disk may be full
                stream.flush()
        for number, descriptor in enumerate(saved, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)


def log_everything() -> None:
    """Lets absl, which TFX logs through, write at INFO; call it after TFX is imported, which sets it back."""
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.INFO)
    logging.getLogger().setLevel(logging.INFO)
