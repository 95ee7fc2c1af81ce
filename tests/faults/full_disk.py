"""Runs `radflow` on a disk that is full again and again: `full_disk.py FOLDER RESULTS WORD...`.

FOLDER becomes a file system in memory, of a few kilobytes at first and twice as large for each next run, until one ends
well. RESULTS receives a JSON line a run, and beside it lies at last what FOLDER then held in `serving`. It mounts: run
it by `unshare --mount`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.pipeline.conftest import radflow

_FIRST, _LARGEST = 32 << 10, 1 << 30


def main(folder: Path, results: Path, words: list[str]) -> None:
    """Runs on larger and larger disks."""
    key = (folder / "private" / "pseudonym.key").read_bytes()
    size = _FIRST
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    (folder / "private").mkdir(mode=0o700)
    (folder / "private" / "pseudonym.key").touch(mode=0o600)
    (folder / "private" / "pseudonym.key").write_bytes(key)
    while True:
        done = radflow(*words)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"size": size, "code": done.code, "err": done.err}) + "\n")
        if done.code == 0 or size >= _LARGEST:
            break
        size *= 2
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True)
    if (folder / "serving").is_dir():
        shutil.copytree(folder / "serving", results.with_name("serving"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
