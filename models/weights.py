"""Finds pretrained weights: a folder given, then Keras' cache, then the network. Never falls back to random ones."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from typing import IO, Any

from data_schemas.errors import WeightsError
from data_schemas.task import Model
from models.backbones import BACKBONES

WEIGHTS_VARIABLE = "RADFLOW_WEIGHTS"
_DOWNLOAD_TIMEOUT_S = 60


def find_weights(model: Model, *, folder: Path | None) -> Path | None:
    """Returns the file of the weights that a task asks for, downloading it if need be; None for random weights.

    Args:
        model: the task's model section.
        folder: where to look first (`--weights`, `RADFLOW_WEIGHTS`).

    Raises:
        WeightsError: they are nowhere to be had; the message says what to fetch and where to put it.
    """
    if model.weights == "none":
        return None
    if model.weights != "imagenet":
        return _named_file(model.weights, folder)
    row = BACKBONES[model.backbone]
    url = row.weights_url(model.alpha)
    name = url.rsplit("/", 1)[1]
    cache = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    for candidate in filter(None, (folder, cache)):
        if (candidate / name).is_file():
            return candidate / name
    try:
        return _download(url, cache / name)
    except WeightsError as error:
        if folder is None:
            raise
        raise WeightsError(f"{folder} has no {name}; {error}") from error


def weights_digest(path: Path | None) -> str:
    """Returns the SHA-256 of a weights file in hex; empty for random weights."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path else ""


def _named_file(name: str, folder: Path | None) -> Path:
    candidates = [Path(name)] + ([folder / name] if folder else [])
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise WeightsError(
        f"model.weights names the file {name}, which does not exist"
        f"{f' (nor does it in {folder})' if folder else ''}; write `imagenet`, `none` or the path of a weights file"
    )


def _download(url: str, target: Path) -> Path:
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as response, partial.open("wb") as file:  # noqa: S310  # the scheme is ours
            _copy_whole(response, file)
        partial.replace(target)
    except (OSError, http.client.HTTPException) as error:  # urllib's own errors are OSErrors
        raise WeightsError(
            f"pretrained weights {target.name} are not on this machine and could not be downloaded "
            f"({str(error).strip()}); fetch {url} and put it into a folder that you name with --weights or "
            f"{WEIGHTS_VARIABLE}, or into Keras' cache, or write `weights: none` in the task to start from random "
            "weights"
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
