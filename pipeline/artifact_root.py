"""Where an output's artifacts are: in OUTPUT/pipeline, or on an object store of which that folder is then a copy.

Steps read and write files, so each works on the copy: what it needs is fetched unless it is there, what it made is put
on the object store before it is recorded. The metadata store has the object store's URLs.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from data_schemas.errors import ConfigurationError, RadflowError

ARTIFACTS_VARIABLE = "RADFLOW_ARTIFACTS"
_CHOICE_FILE = "artifacts.json"
_PIPELINE = "pipeline"
_PACKAGES = "s3:// and gs:// need Radflow's extra `buckets`; fsspec knows others by their packages"
_MODEL_FILE = "saved_model.pb"
"""Its presence tells a model server that a folder is a model: it is put last."""
_MARKER = ".radflow-artifacts"
"""A file in the object store's folder. fsspec says of what it cannot reach that it does not exist; whoever finds this
file has reached it."""
_TELL_TRACEBACKS = ("gcsfs", "s3fs")
_NOWHERE = logging.NullHandler()
"""Keeps what these packages log off the terminal; it reaches the run's log all the same."""
_FETCHING = ".fetching-"
_EMPTY = ".radflow-empty-folder"
"""An object store has no folders: an empty file of this name stands for one without files."""


@dataclass(frozen=True)
class ArtifactRoot:
    """Where an output's artifacts are.

    Attributes:
        folder: absolute path of the folder that steps work in.
        url: of the object store's folder, without a slash at its end; empty where `folder` alone has them.
    """

    folder: Path
    url: str = ""

    def url_of(self, path: str) -> str:
        """Returns the URL of what lies in the folder; any other text as it is."""
        return self._replaced(path, str(self.folder), self.url) if self.url else path

    def path_of(self, url: str) -> str:
        """Returns where in the folder an artifact lies that the object store has; any other text as it is."""
        return self._replaced(url, self.url, str(self.folder)) if self.url else url

    def fetched(self, path: Path) -> Path:
        """Returns an artifact's folder, which is fetched unless it is there; it need not be anywhere.

        Raises:
            RadflowError: the object store cannot be read.
        """
        if not self._holds(path) or path.exists():
            return path
        self.folder.mkdir(parents=True, exist_ok=True)
        # It appears by one rename: what is there is whole.
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=_FETCHING) as arriving:
            with self._opened("read") as (files, root):
                source = self._remote(path, root)
                names = [name for name in files.find(source) if name.startswith(f"{source}/")]
                if not names:
                    return path
                targets = {name: Path(arriving) / "artifact" / name[len(source) + 1 :] for name in names}
                for target in targets.values():
                    target.parent.mkdir(parents=True, exist_ok=True)
                wanted = {name: str(target) for name, target in targets.items() if target.name != _EMPTY}
                files.get([*wanted], [*wanted.values()])
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                (Path(arriving) / "artifact").rename(path)
            except OSError:
                if not path.exists():  # otherwise another process was faster
                    raise
        return path

    def keep(self, path: Path) -> None:
        """Puts a file, or all files of a folder, on the object store; a model's `saved_model.pb` after the others.

        Raises:
            RadflowError: the object store cannot be written.
        """
        if not self._holds(path):
            return
        every = [path, *sorted(path.rglob("*"))]
        found = [one for one in every if one.is_file()]
        with self._opened("write") as (files, root):
            for folder in (one for one in every if one.is_dir() and not any(one.iterdir())):
                files.pipe(f"{self._remote(folder, root)}/{_EMPTY}", b"")
            for last in (False, True):
                these = [one for one in found if (one.name == _MODEL_FILE) is last]
                if these:
                    files.put([str(one) for one in these], [self._remote(one, root) for one in these])

    def remove(self, path: Path) -> None:
        """Removes a file, or a folder with all that is in it, here and on the object store.

        Raises:
            RadflowError: the object store cannot be written.
        """
        if self._holds(path):
            with self._opened("write") as (files, root), suppress(FileNotFoundError):
                files.rm(self._remote(path, root), recursive=True)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def exists(self, path: Path) -> bool:
        """Says whether a file or folder is here, or on the object store."""
        if path.exists() or not self._holds(path):
            return path.exists()
        with self._opened("read") as (files, root):
            return bool(files.exists(self._remote(path, root)))

    def size(self, path: Path) -> int:
        """Returns the bytes of a file, or of the files of a folder; here, or else on the object store."""
        if path.exists() or not self._holds(path):
            return _size(path)
        with self._opened("read") as (files, root):
            return int(files.du(self._remote(path, root)))

    def folders(self) -> dict[Path, int]:
        """Returns the folders of artifacts, `NODE/NAME/NUMBER`, here or on the object store, and their bytes.

        `.system`, which holds what is being made, is none of them.
        """
        sizes: dict[Path, int] = {}
        for path, size in self._remote_files().items():
            parts = path.relative_to(self.folder).parts
            if len(parts) > 3:
                folder = self.folder.joinpath(*parts[:3])
                sizes[folder] = sizes.get(folder, 0) + size
        found = sizes | {path: _size(path) for path in self.folder.glob("*/*/*") if path.is_dir()}
        return {path: size for path, size in sorted(found.items()) if self._is_artifact(path)}

    def highest_here(self) -> int:
        """Returns the highest number of an artifact's folder that is here; 0 where there is none."""
        return max((int(path.name) for path in self.folder.glob("*/*/*") if self._is_artifact(path)), default=0)

    def glob(self, pattern: str) -> list[Path]:
        """Returns where in the folder the files lie, or would lie, that are here or on the object store.

        Args:
            pattern: relative to the folder, with as many parts as the files have.
        """
        there = [
            path
            for path in self._remote_files()
            if PurePosixPath(path.relative_to(self.folder)).match(pattern)
            and len(path.relative_to(self.folder).parts) == len(PurePosixPath(pattern).parts)
        ]
        return sorted({*self.folder.glob(pattern), *there})

    def cut_off_fetches(self) -> list[Path]:
        """Returns the folders here that fetches have left which were cut off."""
        return sorted(self.folder.glob(f"{_FETCHING}*"))

    def make(self) -> None:
        """Makes the folder on the object store.

        Raises:
            RadflowError: that cannot be done.
        """
        with self._opened("make") as (files, root):
            files.pipe(f"{root}/{_MARKER}", b"Artifacts of Radflow\n")

    def _is_artifact(self, path: Path) -> bool:
        parts = path.relative_to(self.folder).parts
        return parts[-1].isdecimal() and not any(part.startswith(".") for part in parts)

    def _holds(self, path: Path) -> bool:
        return bool(self.url) and path.is_relative_to(self.folder)

    def _remote(self, path: Path, root: str) -> str:
        return f"{root}/{path.relative_to(self.folder).as_posix()}"

    def _remote_files(self) -> dict[Path, int]:
        """Returns where in the folder the object store's files would lie, and their bytes."""
        if not self.url:
            return {}
        with self._opened("read") as (files, root):
            found = files.find(root, detail=True)
        return {self.folder / name[len(root) :].lstrip("/"): int(entry["size"]) for name, entry in found.items()}

    @contextmanager
    def _opened(self, verb: str) -> Iterator[tuple[Any, str]]:
        """Yields fsspec's file system and the root in it; what it raises becomes a word on what to do.

        Args:
            verb: what is done: `read`, `write`, or `make` the folder itself.
        """
        from fsspec.core import url_to_fs

        for package in _TELL_TRACEBACKS:
            logging.getLogger(package).addHandler(_NOWHERE)
        try:
            files, root = url_to_fs(self.url, use_listings_cache=False)
            root = str(root).rstrip("/")
            if verb != "make":
                files.cat_file(f"{root}/{_MARKER}")
            yield files, root
        except Exception as error:  # each object store has errors of its own
            raise RadflowError(
                f"{self.url} cannot be {'read' if verb == 'read' else 'written'} ({type(error).__name__}: {error}): "
                "check its name, the credentials and the network; then run again"
            ) from error

    @staticmethod
    def _replaced(text: str, old: str, new: str) -> str:
        return new + text[len(old) :] if text == old or text.startswith(f"{old}/") else text


def artifact_root(output: Path) -> ArtifactRoot:
    """Returns where an output's artifacts are: what its first run chose, else its own folder.

    Raises:
        ConfigurationError: the output's choice cannot be read.
    """
    folder, choice = (output / _PIPELINE).absolute(), output / _CHOICE_FILE
    try:
        said = json.loads(choice.read_text(encoding="utf-8"))
        return ArtifactRoot(folder, said["url"].rstrip("/"))
    except (FileNotFoundError, NotADirectoryError):
        return ArtifactRoot(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{choice} does not say where this output's artifacts are: put it back as a run wrote it"
        ) from error


def choose_artifact_root(
    output: Path, given: str | None, environment: Mapping[str, str] = os.environ, *, recorded: bool
) -> ArtifactRoot:
    """Returns where a run puts its artifacts, and writes down what the first one chose.

    Args:
        output: the folder that receives everything else; it exists.
        given: `--artifacts`; else RADFLOW_ARTIFACTS, else what the output has.
        environment: has that variable.
        recorded: whether the output has runs already.

    Raises:
        ConfigurationError: the output's artifacts are elsewhere, or the object store cannot be used.
    """
    known, url = artifact_root(output), (given or environment.get(ARTIFACTS_VARIABLE, "")).rstrip("/")
    if not url or (known.url and known.url.rpartition("/")[0] == url):
        return known
    if known.url or recorded:
        raise ConfigurationError(
            f"the artifacts of {output} are in {known.url or known.folder}: leave --artifacts and {ARTIFACTS_VARIABLE} "
            "out, or give another --output"
        )
    _require_usable(url)
    # A folder for this output alone: two that shared one would number their artifacts alike.
    chosen = ArtifactRoot(known.folder, f"{url}/{secrets.token_hex(4)}")
    try:
        chosen.make()
    except RadflowError as error:
        raise ConfigurationError(str(error)) from error
    temporary = output / f".{_CHOICE_FILE}.writing"
    temporary.write_text(json.dumps({"url": chosen.url}), encoding="utf-8")
    temporary.replace(output / _CHOICE_FILE)
    return chosen


def _size(path: Path) -> int:
    """Returns the bytes of a file, or of the files of a folder."""
    if path.is_file():
        return path.stat().st_size
    files = (Path(parent) / name for parent, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in files)


def _require_usable(url: str) -> None:
    """Raises where a text is no URL of an object store, or no installed package of fsspec knows it.

    Raises:
        ConfigurationError: it is not.
    """
    from fsspec import get_filesystem_class

    scheme, place = urlsplit(url).scheme, urlsplit(url).netloc
    if not scheme or not place:
        raise ConfigurationError(
            f"--artifacts {url} is no URL of an object store, e.g. s3://BUCKET/FOLDER; a folder needs no option: "
            "artifacts are in --output"
        )
    try:
        get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(f"--artifacts {url} cannot be used ({error}); {_PACKAGES}") from error
