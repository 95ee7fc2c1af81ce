"""Reads an image file's bytes, after a look at what it is."""

from __future__ import annotations

import stat
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
