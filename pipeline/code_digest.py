"""Digests of the code that steps run: TFX's cache knows a step by its dotted function path and is blind to the rest."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path


def code_digest(packages: Sequence[str], *, distributions: Sequence[str] = ()) -> str:
    """Returns a SHA-256, in hex, over the Python sources of packages, without importing them, and library versions.

    Args:
        packages: names of installed packages or modules of ours, dots allowed.
        distributions: names of libraries whose version decides what comes out, e.g. a decoder's.
    """
    digest = hashlib.sha256()
    for package in packages:
        for name, path in _sources(package):
            digest.update(f"{package}/{name}\0".encode())
            digest.update(path.read_bytes())
    for name in distributions:
        digest.update(f"{name}=={metadata.version(name)}\0".encode())
    return digest.hexdigest()


def _sources(package: str) -> Iterator[tuple[str, Path]]:
    """Yields the Python files of a package or module, each with its path inside it."""
    spec = importlib.util.find_spec(package)
    if spec is None or (not spec.has_location and not spec.submodule_search_locations):
        raise ModuleNotFoundError(f"no package {package!r} to digest")
    if not spec.submodule_search_locations:
        yield "", Path(str(spec.origin))
    for folder in map(Path, spec.submodule_search_locations or ()):
        yield from ((str(path.relative_to(folder)), path) for path in sorted(folder.rglob("*.py")))
