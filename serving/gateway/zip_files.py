"""Expands a zip archive without trusting it: its names, its sizes, or what it says that it holds."""

from __future__ import annotations

import errno
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_schemas.errors import Corrupt, Unsupported

ZIP_START = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of a zip archive, and of an empty one (APPNOTE.TXT, 4.3)."""
MAX_RATIO = 200
"""Inflated bytes for each byte of the archive, beyond the first MiB: deflate reaches 1,032 with zeros, images 10."""

_CHUNK = 1 << 20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_NO_IMAGES = ("__MACOSX/", ".DS_Store", "Thumbs.db", "DICOMDIR")
"""What systems and CDs put beside images."""


def expand(*, file: str, out: str, limits: Mapping[str, int]) -> dict[str, Any]:
    """Writes an archive's files to a folder under numbers of our own: their names are not used, nor kept.

    Args:
        file: the archive's path.
        out: receives the files `0`, `1` and so on.
        limits: `files` in it, `file_bytes` of one of them inflated, `total_bytes` of all.

    Returns:
        `files`: for each file in the archive's order its path, or why there is none: `{"status", "reason"}`.

    Raises:
        Corrupt: it cannot be read as a zip archive.
        Unsupported: it holds more than it may; nothing that it holds is used then.
    """
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(file) as archive:
            # Python 3.13 warns of overlapping entries by their names, which may be patients'; what inflates is counted.
            warnings.simplefilter("ignore", UserWarning)
            return {"files": _all_expanded(archive, Path(file).stat().st_size, Path(out), limits)}
    except (Unsupported, MemoryError):
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the archive's start, which no sound directory names
            raise
        raise Corrupt("the zip archive cannot be read: its directory leads nowhere") from error
    except Exception as error:  # zipfile raises about any type on broken bytes
        raise Corrupt(f"the zip archive cannot be read ({type(error).__name__})") from error


def _all_expanded(
    archive: zipfile.ZipFile, archive_bytes: int, out: Path, limits: Mapping[str, int]
) -> list[dict[str, Any]]:
    entries = [entry for entry in archive.infolist() if not _is_none(entry)]
    if len(entries) > limits["files"]:
        raise Unsupported(f"the archive holds {len(entries)} files; at most {limits['files']} are taken")
    allowed = min(limits["total_bytes"], _CHUNK + MAX_RATIO * archive_bytes)
    found = []
    for number, entry in enumerate(entries):
        written = _expanded(archive, entry, out / str(number), limits["file_bytes"], allowed)
        allowed -= written.pop("bytes", 0)
        found.append(written)
    return found


def _is_none(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename
    return entry.is_dir() or name.startswith(_NO_IMAGES[0]) or name.rsplit("/", 1)[-1] in _NO_IMAGES[1:]


def _expanded(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, most: int, allowed: int
) -> dict[str, Any]:
    """Writes one file, counting what comes out rather than believing the directory."""
    if entry.flag_bits & 0x1:
        return _refused("encrypted in the archive: send it without a password")
    if entry.compress_type not in _METHODS:
        return _refused("compressed by another method than deflate: make the archive anew, or send the file itself")
    size = 0
    with archive.open(entry) as source, target.open("wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most:
                break
            if size > allowed:
                raise Unsupported("the archive inflates to more than is taken: send fewer files at once")
            file.write(chunk)
    if size > most:
        target.unlink()
        return {"bytes": size, **_refused(f"larger than {most} bytes")}
    with target.open("rb") as file:
        nested = file.read(4) in ZIP_START
    if nested:
        target.unlink()
        return {"bytes": size, **_refused("an archive within the archive: expand it first")}
    return {"bytes": size, "file": str(target)}


def _refused(reason: str) -> dict[str, Any]:
    return {"status": "unsupported", "reason": reason}
