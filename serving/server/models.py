"""All models of a server, by name: their configuration, which can change, and the thread that polls their folders."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from serving.server.config import ModelConfig
from serving.server.errors import invalid_argument
from serving.server.labels import Labels, checked_labels, labelled_version
from serving.server.servable import LoadedModel, Servable
from serving.server.served_model import DEFAULT_RETRIES, Load, Retries, ServedModel, State, VersionStatus, not_found

log = logging.getLogger("serving.server")


def _nothing() -> None:
    """What happens after a poll unless `after_poll` says otherwise."""


class Models:
    """The models of a server.

    Args:
        configs: what to serve.
        load: turns a version folder into a servable.
        aliases: further names, each for the name of a model in `configs`.
        retries: what happens after a load that failed.
        allow_unused_labels: a label not in use may name a version that is not loaded yet.
        load_threads: how many models are loaded at once; 0 is one after the other.
        clock: seconds that only rise.

    Raises:
        RequestError: FAILED_PRECONDITION, `configs` has labels, none of whose versions can be available yet, and
            `allow_unused_labels` is not set.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        load: Load = Servable.load,
        *,
        aliases: Mapping[str, str] | None = None,
        retries: Retries = DEFAULT_RETRIES,
        allow_unused_labels: bool = False,
        load_threads: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._retries, self._clock = load, retries, clock
        self._aliases = dict(aliases or {})
        self._allow_unused_labels = allow_unused_labels
        self._pool = ThreadPoolExecutor(load_threads, thread_name_prefix="load") if load_threads else None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._polling = threading.Lock()
        self._configuring = threading.Lock()
        self._models: Mapping[str, ServedModel] = {}
        self._removed: Mapping[str, ServedModel] = {}
        self._labels: Labels = {}
        self.after_poll: Callable[[], None] = _nothing
        self.configure(configs)

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names, without aliases."""
        return tuple(self._models)

    def configure(self, configs: Iterable[ModelConfig]) -> frozenset[str]:
        """Takes over another configuration; `poll` then loads what is new. What it no longer has is unloaded.

        Returns:
            The names that were not served before.

        Raises:
            RequestError: FAILED_PRECONDITION, a label names a version that is not available; nothing is changed then.
        """
        wanted = {config.name: config for config in configs}
        with self._configuring:
            labels = checked_labels(
                wanted.values(),
                current=self._labels,
                available=self._available,
                allow_unused=self._allow_unused_labels,
            )
            new = frozenset(wanted.keys() - self._models.keys())
            with self._polling:
                self._take_over(wanted)
            self._labels = labels
        return new

    def poll(self) -> None:
        """Polls every model's folder once."""
        with self._polling:
            models = tuple(self._models.values())
            if self._pool is None:
                for model in models:
                    model.poll()
            else:
                list(self._pool.map(ServedModel.poll, models))
        self.after_poll()

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
        with self._polling:
            for model in self._models.values():
                model.close()
        if self._pool is not None:
            self._pool.shutdown()

    def use(self, spec: Any) -> AbstractContextManager[tuple[int, LoadedModel]]:
        """Gives the version and servable that a ModelSpec asks for, kept loaded while the block runs.

        Raises:
            RequestError: NOT_FOUND, no such model or version; INVALID_ARGUMENT, no such label.
        """
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        name = self._aliases.get(spec.name, spec.name)
        number = self.version(spec)
        model = self._models.get(name)
        if model is None:
            raise not_found(f"Latest({spec.name})" if number is None else f"Specific({spec.name}, {number})")
        return model.use(number)

    def version(self, spec: Any) -> int | None:
        """Returns the version that a ModelSpec names, by number or label, or None.

        Raises:
            RequestError: INVALID_ARGUMENT, no such label.
        """
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            return labelled_version(self._labels, self._aliases.get(spec.name, spec.name), spec.version_label)
        return int(spec.version.value) if choice == "version" else None

    def known(self, name: str) -> bool:
        """Says whether a model is served under this name."""
        return self._aliases.get(name, name) in self._models

    def statuses(self, name: str) -> tuple[VersionStatus, ...]:
        """Returns the versions of a model that were seen since the start, newest first; none for an unknown model."""
        real = self._aliases.get(name, name)
        model = self._models.get(real) or self._removed.get(real)
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

    def _take_over(self, wanted: Mapping[str, ModelConfig]) -> None:
        models: dict[str, ServedModel] = {}
        for name, config in wanted.items():
            existing = self._models.get(name)
            if existing is None:
                existing = ServedModel(config, self._load, clock=self._clock, retries=self._retries)
            existing.config = config
            models[name] = existing
        removed = {name: model for name, model in self._models.items() if name not in wanted}
        self._models = models
        self._removed = {**self._removed, **removed}
        for model in removed.values():
            model.close()

    def _available(self, name: str, version: int) -> bool:
        return any(status.version == version and status.state is State.AVAILABLE for status in self.statuses(name))

    def _has(self, name: str, state: State) -> bool:
        return any(status.state is state for status in self.statuses(name))

    def _poll_until_closed(self, interval_s: float) -> None:
        while not self._stop.wait(interval_s):
            try:
                self.poll()
            except Exception as error:  # noqa: BLE001  # a poll that ends its thread would end every later reload
                log.error("poll failed, trying again in %g s: %s", interval_s, error)
