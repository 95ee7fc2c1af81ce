"""Folders for what is there only while a request is answered: private, and removed whatever happens."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from anyio import CancelScope, CapacityLimiter, to_thread

from data_schemas.errors import ConfigurationError

_LEFT_OVER_S = 6 * 3600.0
"""Age beyond which a folder belongs to no request any more, but to a process that was killed."""


class WorkFolders:
    """Makes them, on the disk of the data folder: an upload need not fit in memory, where /tmp may be.

    Args:
        data_folder: of the gateway.

    Attributes:
        writers: threads that write uploads.

    Raises:
        ConfigurationError: it cannot be written.
    """

    def __init__(self, data_folder: Path) -> None:
        self._root = data_folder / "work"
        self.writers = CapacityLimiter(2)
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"the data folder {data_folder} cannot be used: {error.strerror}") from error

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Yields an empty folder that only this user can look into, and removes it with all that is in it."""
        path = Path(tempfile.mkdtemp(dir=self._root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @asynccontextmanager
    async def upload_folder(self) -> AsyncIterator[Path]:
        """Yields one as `folder` does, made and removed in a thread: to remove an upload takes the disk a while."""
        path = Path(await to_thread.run_sync(lambda: tempfile.mkdtemp(dir=self._root)))
        try:
            yield path
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(lambda: shutil.rmtree(path, ignore_errors=True))

    def remove_left_over(self, now: float | None = None) -> None:
        """Removes what processes that were killed have left."""
        now = time.time() if now is None else now
        for path in self._root.iterdir():
            if now - path.stat().st_mtime > _LEFT_OVER_S:
                shutil.rmtree(path, ignore_errors=True)
