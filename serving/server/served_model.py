"""The versions of one model in memory: loads what its folder offers, keeps the old until the new one stands.

The order is that of TensorFlow Serving's AvailabilityPreservingPolicy: a version that is no longer wanted is unloaded
only when a wanted one is available, or none is wanted at all; requests that run on it finish first.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import grpc

from data_schemas.served_folder import version_folders
from serving.server.config import ModelConfig
from serving.server.errors import RequestError, status_code
from serving.server.servable import LoadedModel

log = logging.getLogger("serving.server")


class State(enum.IntEnum):
    """Where a version is in its life; the numbers are those of ModelVersionStatus.State."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class Retries:
    """How often a load that failed is tried again, and how many seconds later."""

    count: int = 5
    interval_s: float = 60.0


DEFAULT_RETRIES = Retries()


@dataclass(frozen=True)
class VersionStatus:
    """What GetModelStatus says of a version; code and message are those of the last failed load, else 0 and empty."""

    version: int
    state: State
    code: int = 0
    message: str = ""


class Load(Protocol):
    """What turns a version folder into a servable, as `Servable.load` does."""

    def __call__(self, version_dir: Path, /) -> LoadedModel:
        """Returns the loaded version; may raise anything."""


@dataclass
class _Version:
    number: int
    folder: Path
    state: State = State.START
    servable: LoadedModel | None = None
    users: int = 0
    attempts: int = 0
    next_attempt: float = 0.0
    failure: tuple[int, str] = field(default=(0, ""))


class ServedModel:
    """One model's versions. `poll` and `close` are called by one thread at a time, everything else by any.

    Args:
        config: the model; the attribute may be set anew, and the next poll follows it.
        load: turns a version folder into a servable.
        clock: seconds that only rise.
        retries: what happens after a load that failed.
    """

    def __init__(
        self, config: ModelConfig, load: Load, *, clock: Callable[[], float], retries: Retries = DEFAULT_RETRIES
    ) -> None:
        self.config = config
        self._load = load
        self._clock = clock
        self._retries = retries
        self._versions: dict[int, _Version] = {}
        self._lock = threading.Lock()
        self._quiet = False

    def poll(self) -> None:
        """Compares the folder with what is loaded once: loads what is new, then unloads what is no longer wanted."""
        try:
            wanted = self.config.policy.choose(version_folders(self.config.base_path))
        except OSError as error:
            self._say_once(f"{self.config.name}: cannot list {self.config.base_path}: {error.strerror}")
            return
        if not wanted:
            self._say_once(f"{self.config.name}: no version in {self.config.base_path} yet, waiting for one")
        for number, folder in wanted.items():
            self._bring_up(number, folder)
        available = {version.number for version in self._in_state(State.AVAILABLE)}
        if not wanted or available & wanted.keys():
            for number in sorted(self._versions.keys() - wanted.keys()):
                self._retire(number)

    @contextlib.contextmanager
    def use(self, number: int | None = None) -> Iterator[tuple[int, LoadedModel]]:
        """Gives a version and its servable, which is not unloaded while the block runs.

        Args:
            number: the version; the newest that is available unless given.

        Raises:
            RequestError: NOT_FOUND, that version, or any, is not available.
        """
        with self._lock:
            version, servable = self._pick(number)
            version.users += 1
        try:
            yield version.number, servable
        finally:
            with self._lock:
                version.users -= 1
            self._close_if_unused(version)

    def statuses(self) -> tuple[VersionStatus, ...]:
        """Returns every version that was seen since the start, newest first."""
        with self._lock:
            versions = sorted(self._versions.values(), key=lambda version: version.number, reverse=True)
            return tuple(VersionStatus(version.number, version.state, *version.failure) for version in versions)

    def close(self) -> None:
        """Unloads every version as soon as no request uses it."""
        for number in list(self._versions):
            self._retire(number)

    def _pick(self, number: int | None) -> tuple[_Version, LoadedModel]:
        candidates = self._in_state(State.AVAILABLE)
        available = {version.number: (version, version.servable) for version in candidates if version.servable}
        chosen = max(available, default=None) if number is None else number
        if chosen is None or chosen not in available:
            name = self.config.name
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise not_found(wanted)
        return available[chosen]

    def _in_state(self, state: State) -> list[_Version]:
        return [version for version in list(self._versions.values()) if version.state is state]

    def _bring_up(self, number: int, folder: Path) -> None:
        version = self._versions.get(number)
        if version is None or (version.state is State.END and not version.failure[0]):
            version = _Version(number, folder)
            with self._lock:
                self._versions[number] = version
        if version.state in (State.START, State.LOADING) and self._clock() >= version.next_attempt:
            self._attempt(version)

    def _attempt(self, version: _Version) -> None:
        started = self._clock()
        version.state = State.LOADING
        version.attempts += 1
        try:
            servable = self._load(version.folder)
        except Exception as error:  # noqa: BLE001  # a broken model makes TensorFlow raise anything; the server goes on
            self._load_failed(version, error)
            return
        with self._lock:
            version.servable, version.failure, version.state = servable, (0, ""), State.AVAILABLE
        self._quiet = False
        log.info("%s: version %d loaded in %.1f s", self.config.name, version.number, self._clock() - started)

    def _load_failed(self, version: _Version, error: Exception) -> None:
        code, message = _reason(error)
        left = self._retries.count + 1 - version.attempts
        with self._lock:
            version.failure = (code, message)
            version.next_attempt = self._clock() + self._retries.interval_s
            if left <= 0:
                version.state = State.END
        then = f"next attempt in {self._retries.interval_s:g} s" if left > 0 else "given up"
        log.error("%s: version %d cannot be loaded, %s: %s", self.config.name, version.number, then, message)

    def _retire(self, number: int) -> None:
        version = self._versions[number]
        with self._lock:
            if version.state is State.AVAILABLE:
                version.state = State.UNLOADING
            elif version.state is not State.UNLOADING:
                version.state, version.failure = State.END, (0, "")
        self._close_if_unused(version)

    def _close_if_unused(self, version: _Version) -> None:
        with self._lock:
            if version.state is not State.UNLOADING or version.users or version.servable is None:
                return
            servable, version.servable = version.servable, None
        servable.close()
        version.state = State.END
        log.info("%s: version %d unloaded", self.config.name, version.number)

    def _say_once(self, message: str) -> None:
        if not self._quiet:
            log.warning(message)
        self._quiet = True


def _reason(error: Exception) -> tuple[int, str]:
    """Returns the status code and text of a load that failed: TensorFlow's, a request's of the warm-up, or UNKNOWN."""
    if isinstance(error, RequestError):
        return error.code.value[0], error.message
    code = getattr(error, "error_code", None) or grpc.StatusCode.UNKNOWN.value[0]
    return status_code(code).value[0], str(getattr(error, "message", None) or error)


def not_found(servable: str) -> RequestError:
    """Returns the NOT_FOUND error for `Latest(NAME)` or `Specific(NAME, VERSION)`."""
    return RequestError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {servable}")
