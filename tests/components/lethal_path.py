"""A file that does to its process what a fault in a decoder does."""

from __future__ import annotations

import os
from pathlib import Path


class LethalPath(type(Path())):  # type: ignore[misc]  # `Path` itself makes a subclass for the system it runs on
    """A path whose reading ends the process."""

    def read_bytes(self) -> bytes:
        os._exit(1)
