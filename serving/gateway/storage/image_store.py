"""Where the gateway keeps the bytes of images: a folder or an object store, by fsspec.

Objects have random names. They come whole or not at all, and are read only together with their SHA-256.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from data_schemas.errors import ConfigurationError
from serving.gateway.problems import INTERNAL, UNAVAILABLE, ProblemError
from serving.gateway.storage.new_image import FinishedFile

_CHUNK = 1 << 20
_PARTIAL = ".partial"
_NAME = re.compile(rf"([0-9a-f]{{2}})/\1[0-9a-f]{{30}}({re.escape(_PARTIAL)})?")
"""What the store calls its objects; whatever else lies in its folder is not its own, and is left alone."""
_IDENTITY = "radflow-image-store"


@dataclass(frozen=True)
class StoredObject:
    """An object that was put.

    Attributes:
        name: random, with a folder of 256 before it, so that no folder grows too large.
        sha256: of its bytes, in hex.
        size: bytes.
    """

    name: str
    sha256: str
    size: int


class ImageStore:
    """Puts, reads and removes objects.

    Args:
        url: a folder, or what fsspec takes, e.g. `s3://bucket/prefix`.

    Raises:
        ConfigurationError: fsspec does not know the URL, or the folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        filesystem, root = _opened(url)
        self._files: AbstractFileSystem = filesystem
        self._root = root.rstrip("/")
        self._local = isinstance(filesystem, LocalFileSystem)
        if self._local:
            _make_private_folder(Path(self._root))

    def put(self, data: bytes | Path | FinishedFile) -> StoredObject:
        """Stores bytes, a copy of a file, or a finished file itself, under a new random name.

        Raises:
            ProblemError: UNAVAILABLE, the store is away or full.
        """
        token = secrets.token_hex(16)
        name = f"{token[:2]}/{token}"
        if isinstance(data, FinishedFile):
            if self._local and self._take_file(name, data.path):
                return StoredObject(name, data.sha256, data.size)
            data = data.path
        with _opened_data(data) as source:
            try:
                digest, size = (self._put_file if self._local else self._put_object)(name, source)
            except OSError as error:
                self.remove(name)
                raise _away() from error
        return StoredObject(name, digest, size)

    def read(self, name: str, sha256: str) -> bytes:
        """Returns the bytes of an object.

        Raises:
            ProblemError: INTERNAL, it is gone or not what was put; UNAVAILABLE, the store is away.
        """
        try:
            data: bytes = self._files.cat_file(self._path(name))
        except FileNotFoundError as error:
            raise _altered("is gone") from error
        except OSError as error:
            raise _away() from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _altered("is not as it was stored")
        return data

    @contextmanager
    def file(self, name: str, sha256: str) -> Iterator[Path]:
        """Yields a file with an object's bytes, to be read only: the object itself in a folder, else a copy.

        Raises:
            ProblemError: as `read` does.
        """
        if self._local:
            path = Path(self._path(name))
            _check_file(path, sha256)
            yield path
            return
        with tempfile.NamedTemporaryFile(prefix="radflow-image-") as copy:
            copy.write(self.read(name, sha256))
            copy.flush()
            yield Path(copy.name)

    def remove(self, name: str) -> bool:
        """Removes an object; returns False, and leaves it to the next sweep, where it cannot be removed now."""
        try:
            self._files.rm_file(self._path(name))
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """Yields the names of all objects, and of those that were not finished."""
        try:
            found = self._files.find(self._root)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _away() from error
        prefix = f"{self._root}/"
        for path in found:
            name = str(path).removeprefix(prefix)
            if _NAME.fullmatch(name):
                yield name

    def modified(self, name: str) -> datetime | None:
        """Returns when an object was put; None where it has gone meanwhile."""
        try:
            moment: datetime = self._files.modified(self._path(name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _away() from error
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

    def belong_to(self, owner: str) -> None:
        """Notes the database that the objects belong to, or raises where they belong to another.

        A purge removes files that no case has; in the store of another database that would be all of them.

        Args:
            owner: a random word that the database has for itself.

        Raises:
            ConfigurationError: the store belongs to another database.
            ProblemError: UNAVAILABLE, the store is away.
        """
        path = self._path(_IDENTITY)
        try:
            if not self._files.exists(path):
                self._files.pipe_file(path, owner.encode())
            found = self._files.cat_file(path)
        except OSError as error:
            raise _away() from error
        if found != owner.encode():
            raise ConfigurationError(
                "the image store belongs to another database: each has one of its own. If that database is lost, "
                f"remove the file {_IDENTITY} of the store; the next purge then removes its images"
            )

    def ready(self) -> bool:
        """Returns whether the store answers."""
        try:
            self._files.exists(self._root)
        except OSError:
            return False
        return not self._local or os.access(self._root, os.W_OK | os.X_OK)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _put_file(self, name: str, source: BinaryIO) -> tuple[str, int]:
        """Writes beside the place and renames, so that no reader and no crash meets half a file."""
        path = Path(self._path(name))
        path.parent.mkdir(mode=0o700, exist_ok=True)
        partial = path.with_name(path.name + _PARTIAL)
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                result = _copy(source, file)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
            _sync_folder(path.parent)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        return result

    def _take_file(self, name: str, file: Path) -> bool:
        """Moves a finished file to its place; returns False where that is on another disk, or cannot be written."""
        path = Path(self._path(name))
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file.rename(path)
        except OSError:
            return False
        _sync_folder(path.parent)
        return True

    def _put_object(self, name: str, source: BinaryIO) -> tuple[str, int]:
        """Writes an object, which a store shows only when it is complete."""
        with self._files.open(self._path(name), "wb") as target:
            return _copy(source, target)


def _opened(url: str) -> tuple[AbstractFileSystem, str]:
    try:
        filesystem, root = url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise ConfigurationError(
            f"the image store's URL cannot be used ({error}): it is a folder, or a URL of fsspec whose package is "
            "installed, e.g. s3fs for s3://"
        ) from error
    return filesystem, str(root)


def _make_private_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the image store {path} cannot be used: {error.strerror}") from error


def _opened_data(data: bytes | Path) -> BinaryIO:
    return data.open("rb") if isinstance(data, Path) else io.BytesIO(data)


def _copy(source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
    """Copies, and returns the SHA-256 in hex and the number of bytes."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    """Makes a rename survive a power cut, where the system lets a folder be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_file(path: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError as error:
        raise _altered("is gone") from error
    except OSError as error:
        raise _away() from error
    if digest.hexdigest() != sha256:
        raise _altered("is not as it was stored")


def _altered(how: str) -> ProblemError:
    return ProblemError(
        INTERNAL,
        f"the stored file of this image {how}: somebody or something other than the gateway changed the image store; "
        "restore it from a backup, or delete the case and upload it again",
    )


def _away() -> ProblemError:
    return ProblemError(
        UNAVAILABLE,
        "the image store is away or full: nothing was changed, try again later",
        headers={"Retry-After": "5"},
    )
