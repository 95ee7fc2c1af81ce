"""Finds pretrained weights: a folder given, then Keras' cache, then the network. Never falls back to random ones."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, Any

from data_schemas.errors import WeightsError
from data_schemas.task import Model, PublishedWeights
from models.backbones import BACKBONES

WEIGHTS_VARIABLE = "RADFLOW_WEIGHTS"
_DOWNLOAD_TIMEOUT_S = 60


def find_weights(model: Model, *, folder: Path | None) -> Path | None:
    """Returns the file of the weights that a task asks for, downloading it if need be; None for random weights.

    Args:
        model: the task's model section.
        folder: where to look first (`--weights`, `RADFLOW_WEIGHTS`).

    Raises:
        WeightsError: they are nowhere to be had, or their bytes are not those that the task names; the message says
            what to fetch and where to put it.
    """
    if isinstance(model.weights, PublishedWeights):
        return _published_file(model.weights, folder)
    if model.weights == "none":
        return None
    if model.weights != "imagenet":
        return _named_file(model.weights, folder)
    url = BACKBONES[model.backbone].weights_url(model.alpha)
    name = url.rpartition("/")[2]
    return _first_file(name, folder) or _download_unless_offline(url, _cache() / name, folder)


def weights_digest(path: Path | None) -> str:
    """Returns the SHA-256 of a weights file in hex; empty for random weights."""
    if path is None:
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def cached_name(published: PublishedWeights) -> str:
    """Returns the name that a published file has in Keras' cache: its digest, and what its address ends in."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(published.url).path)
    name = re.sub(r"[^\w.-]", "_", path.rpartition("/")[2]).lstrip(".")
    return f"{published.sha256}-{name or 'weights.h5'}"


def _published_file(published: PublishedWeights, folder: Path | None) -> Path:
    name = cached_name(published)
    found = _first_file(name, folder) or _first_file(name.partition("-")[2], folder, cache=False)
    if found is None:
        return _download_unless_offline(published.url, _cache() / name, folder, sha256=published.sha256)
    hint = f"remove it, and it is fetched again from {published.url}"
    _require_digest(found, published.sha256, what=str(found), hint=hint)
    return found


def _require_digest(path: Path, expected: str, *, what: str, hint: str) -> None:
    found = weights_digest(path)
    if found != expected:
        raise WeightsError(
            f"the weights {what} are not those that model.weights names: SHA-256 {expected} was expected and {found} "
            f"found; {hint}"
        )


def _cache() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def _first_file(name: str, folder: Path | None, *, cache: bool = True) -> Path | None:
    for candidate in filter(None, (folder, _cache() if cache else None)):
        if (candidate / name).is_file():
            return candidate / name
    return None


def _named_file(name: str, folder: Path | None) -> Path:
    candidates = [Path(name)] + ([folder / name] if folder else [])
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise WeightsError(
        f"model.weights names the file {name}, which does not exist"
        f"{f' (nor does it in {folder})' if folder else ''}; write `imagenet`, `none` or the path of a weights file"
    )


def _download_unless_offline(url: str, target: Path, folder: Path | None, *, sha256: str = "") -> Path:
    try:
        return _download(url, target, sha256=sha256)
    except WeightsError as error:
        if folder is None:
            raise
        raise WeightsError(f"{folder} has no {target.name}; {error}") from error


def _download(url: str, target: Path, *, sha256: str) -> Path:
    """Returns the target, which exists only once every byte came and, where a digest is given, is the right one."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as response, partial.open("wb") as file:  # noqa: S310  # the scheme is ours, or was checked
            _copy_whole(response, file)
        if sha256:
            _require_digest(partial, sha256, what=f"from {url}", hint="correct the address or the digest")
        partial.replace(target)
    except (OSError, http.client.HTTPException) as error:  # urllib's own errors are OSErrors
        raise WeightsError(
            f"pretrained weights {target.name} are not on this machine and could not be downloaded "
            f"({str(error).strip()}); fetch {url} and put it into a folder that you name with --weights or "
            f"{WEIGHTS_VARIABLE}, or into Keras' cache, {target.parent}, under the name {target.name}, or write "
            "`weights: none` in the task to start from random weights"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it was renamed, or never made
            partial.unlink()
    return target


def _copy_whole(response: Any, file: IO[bytes]) -> None:
    """Copies a response's body; a server that hangs up early ends it like a whole one, so the bytes are counted."""
    announced = response.headers.get("Content-Length", "")
    received = 0
    while chunk := response.read(1 << 20):
        received += file.write(chunk)
    if announced.isdigit() and received != int(announced):
        raise OSError(f"{received} of {announced} bytes came")
