"""The log: one JSON object a line, and nothing in it that tells of a patient or a user.

Only this package and the web server say things in words. Other libraries' messages may quote a file or a header
(pydicom warns with the value that it finds wrong), so that of those a line says no more than where it came from. Of an
exception it has the type and the lines of code, never the text.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from pathlib import Path
from typing import IO, Any

from pythonjsonlogger.json import JsonFormatter

_OURS = ("serving.gateway", "uvicorn")
_LEFT_OUT = "(left out: another library's words may tell of a patient)"


class PrivateFormatter(JsonFormatter):
    """Makes a JSON object of a record: time, level, logger, message, and what `extra` gave."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(name)s %(message)s",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
        )

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        private = logging.makeLogRecord(record.__dict__)
        if not _is_ours(record.name):
            private.msg, private.args = _LEFT_OUT, None
            private.at = f"{record.module}:{record.lineno}"
        if record.exc_info and record.exc_info[1] is not None:
            private.error = error_without_text(record.exc_info[1])
        private.__dict__.pop("color_message", None)  # uvicorn's, for terminals
        private.exc_info, private.exc_text, private.stack_info = None, None, None
        return super().format(private)


def _is_ours(name: str) -> bool:
    return any(name == ours or name.startswith(f"{ours}.") for ours in _OURS)


def error_without_text(error: BaseException) -> dict[str, Any]:
    """Returns the type of an exception, of what it was raised from, and where both were raised."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    said: dict[str, Any] = {"type": type(error).__name__, "at": frames[-12:]}
    if error.__cause__ is not None:
        said["cause"] = error_without_text(error.__cause__)
    return said


def configure_logs(stream: IO[str] | None = None, *, level: int = logging.INFO) -> None:
    """Sends the log of this process to a stream, stderr unless it is given; every process of the gateway calls it.

    The web server's access log, which has whole paths, is turned off: `serving.gateway.middleware.request_log` is ours.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(PrivateFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    warnings.simplefilter("default")
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
