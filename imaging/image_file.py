"""Files that may be images: which there are, and their bytes, after a look at what they are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from data_schemas.errors import NotDicom, Unsupported
from imaging.limits import MAX_FILE_BYTES


def read_image_file(path: Path) -> bytes:
    """Returns the bytes of a file that may be an image.

    Raises:
        NotDicom: it is a pipe, a socket or a device, whose reading may never end.
        Unsupported: it is larger than `MAX_FILE_BYTES`, so that not even its bytes are held.
        OSError: it cannot be read.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise NotDicom("no regular file, but a pipe, socket or device")
    if found.st_size > MAX_FILE_BYTES:
        raise Unsupported(f"the file has {found.st_size} bytes; at most {MAX_FILE_BYTES} are read")
    return path.read_bytes()


def files_below(path: Path) -> Iterator[Path]:
    """Yields a file itself, or every file in a folder and its folders, in the order of their names."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (Path(folder) / name for name in sorted(names))
