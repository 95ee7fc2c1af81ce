"""Digests of the project's sources: TFX's cache knows a step by its dotted function path and is blind to its code."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path


def code_digest(packages: Sequence[str]) -> str:
    """Returns a SHA-256, in hex, over the Python sources of packages, without importing them.

    Args:
        packages: names of installed packages, dots allowed.
    """
    digest = hashlib.sha256()
    for package in packages:
        for path in _sources(package):
            digest.update(f"{package}/{path.name}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package!r} to digest")
    return sorted(path for folder in spec.submodule_search_locations for path in Path(folder).rglob("*.py"))
