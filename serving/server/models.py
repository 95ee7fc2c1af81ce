"""All models of a server, by name, and the thread that polls their folders."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from serving.server.config import ModelConfig
from serving.server.errors import invalid_argument
from serving.server.servable import Servable
from serving.server.served_model import DEFAULT_RETRIES, Load, Retries, ServedModel, State, VersionStatus, not_found

log = logging.getLogger("serving.server")


class Models:
    """The models of a server.

    Args:
        configs: what to serve.
        load: turns a version folder into a servable.
        aliases: further names, each for the name of a model in `configs`.
        retries: what happens after a load that failed.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        load: Load = Servable.load,
        *,
        aliases: Mapping[str, str] | None = None,
        retries: Retries = DEFAULT_RETRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models = {config.name: ServedModel(config, load, clock=clock, retries=retries) for config in configs}
        self._aliases = dict(aliases or {})
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, without aliases."""
        return tuple(self._models)

    def poll(self) -> None:
        """Polls every model's folder once."""
        for model in self._models.values():
            model.poll()

    def start(self, *, poll_interval_s: float) -> None:
        """Polls again and again on a thread of its own, until `close`."""
        self._thread = threading.Thread(
            target=self._poll_until_closed, args=(poll_interval_s,), name="poll", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops polling and unloads everything as soon as no request uses it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for model in self._models.values():
            model.close()

    def use(self, spec: Any) -> AbstractContextManager[tuple[int, Servable]]:
        """Gives the version and servable that a ModelSpec asks for, kept loaded while the block runs.

        Raises:
            RequestError: NOT_FOUND, no such model or version; INVALID_ARGUMENT, a version label.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        if spec.WhichOneof("version_choice") == "version_label":
            raise invalid_argument(f"Unrecognized servable version label: {spec.version_label}")
        number = spec.version.value if spec.HasField("version") else None
        model = self._find(spec.name)
        if model is None:
            raise not_found(f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})")
        return model.use(number)

    def statuses(self, name: str) -> tuple[VersionStatus, ...]:
        """Returns the versions of a model that were seen since the start, newest first; none for an unknown model."""
        model = self._find(name)
        return model.statuses() if model else ()

    def pending(self) -> tuple[str, ...]:
        """Returns the names of the models without an available version."""
        return tuple(name for name in self._models if not self._has(name, State.AVAILABLE))

    def failed(self) -> dict[str, str]:
        """Returns, by name, why a model without an available version has no load to be tried again."""
        ended = [name for name in self.pending() if self.statuses(name)]
        return {
            name: self.statuses(name)[0].message
            for name in ended
            if all(status.state is State.END and status.code for status in self.statuses(name))
        }

    def _has(self, name: str, state: State) -> bool:
        return any(status.state is state for status in self.statuses(name))

    def _find(self, name: str) -> ServedModel | None:
        return self._models.get(self._aliases.get(name, name))

    def _poll_until_closed(self, interval_s: float) -> None:
        while not self._stop.wait(interval_s):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001  # a poll that ends its thread would end every later reload
                log.error("poll failed, trying again in %g s: %s", interval_s, error)
