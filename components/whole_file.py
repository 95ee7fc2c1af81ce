"""A file that is there whole or not at all, on this machine's disks or wherever TFX keeps artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Opens a file for writing bytes; it appears under its name when the block ends without an error.

    Args:
        path: a path, or a URI such as `gs://...` that TensorFlow's file systems know.
    """
    folder, _, name = path.rpartition("/")
    partial = f"{folder}/.{name}.partial"
    if "://" not in path:
        with Path(partial).open("wb") as file:
            yield file
        Path(partial).replace(path)
        return
    import tensorflow as tf  # seconds to load, which a worker process on local disks is spared

    with tf.io.gfile.GFile(partial, "wb") as file:
        yield file
    tf.io.gfile.rename(partial, path, overwrite=True)
