"""Reads the model configuration file again and again (`--model_config_file_poll_wait_seconds`)."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig
from serving.server.config_file import read_model_config_file
from serving.server.errors import RequestError
from serving.server.models import Models

log = logging.getLogger("serving.server")


class ConfigPolling:
    """Gives a server the models that a file lists, each time the file has changed.

    A file that is wrong, or whose labels name versions that are not loaded, changes nothing; it is tried again at every
    poll, and said once.

    Args:
        models: the server's.
        path: the file.
        current: what the server was started with.
    """

    def __init__(self, models: Models, path: Path, current: tuple[ModelConfig, ...]) -> None:
        self._models = models
        self._path = path
        self._current = current
        self._problem = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, interval_s: float) -> None:
        """Polls on a thread of its own, until `close`."""
        self._thread = threading.Thread(target=self._run, args=(interval_s,), name="config", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def poll(self) -> None:
        """Reads the file once."""
        try:
            configs = read_model_config_file(self._path)
            if configs == self._current:
                self._problem = ""
                return
            self._models.configure(configs)
        except (ConfigurationError, RequestError) as error:
            self._say(str(error))
            return
        self._current, self._problem = configs, ""
        log.info("%s: taken over: %s", self._path, ", ".join(config.name for config in configs))
        self._models.poll()

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            log.error("%s cannot be taken over, what is served stays: %s", self._path, problem)
        self._problem = problem

    def _run(self, interval_s: float) -> None:
        while not self._stop.wait(interval_s):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001  # an error that ends the thread would end every later change
                log.error("reading %s failed, trying again in %g s: %s", self._path, interval_s, error)
