"""Digests of the code that steps run: TFX's cache knows a step by its dotted function path and is blind to the rest."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path


def code_digest(packages: Sequence[str], *, distributions: Sequence[str] = ()) -> str:
    """Returns a SHA-256, in hex, over the Python sources of packages, without importing them, and library versions.

    Args:
        packages: names of installed packages of ours, dots allowed.
        distributions: names of libraries whose version decides what comes out, e.g. a decoder's.
    """
    digest = hashlib.sha256()
    for package in packages:
        for folder in _folders(package):
            for path in sorted(folder.rglob("*.py")):
                digest.update(f"{package}/{path.relative_to(folder)}\0".encode())
                digest.update(path.read_bytes())
    for name in distributions:
        digest.update(f"{name}=={metadata.version(name)}\0".encode())
    return digest.hexdigest()


def _folders(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package!r} to digest")
    return [Path(folder) for folder in spec.submodule_search_locations]
