"""How this very command is typed, for what it tells its user to type next."""

from __future__ import annotations

import sys
from pathlib import Path


def own_command() -> str:
    """Returns `radflow`, or where it lies in a checkout whose environment is not on the PATH."""
    radflow = Path(sys.argv[0]).name if sys.argv[0].endswith("radflow") else "radflow"
    return f".venv/bin/{radflow}" if Path(".venv/bin/radflow").is_file() else radflow
