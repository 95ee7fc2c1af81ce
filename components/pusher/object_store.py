"""Publishing where no folder is renamed at once: on a mounted bucket, a rename copies object after object."""

from __future__ import annotations

import re
from pathlib import Path
from shutil import copyfile, rmtree

from data_schemas.model_files import SAVED_MODEL_FILE
from data_schemas.served_folder import version_folders

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")


def renames_folders(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Says whether a folder at a path is renamed at once.

    Whatever is mounted through FUSE is taken for a bucket (gcsfuse, s3fs, mountpoint-s3, rclone and their like): what
    can rename loses nothing but time.

    Args:
        path: absolute; it need not exist.
        mounts: what the system says is mounted, as Linux' mountinfo; where there is none, everything renames.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return True
    found = [_mount(line) for line in lines if " - " in line]
    over = [(len(point.parts), kind) for point, kind in found if point == path or point in path.parents]
    kind = max(over, key=lambda one: one[0])[1] if over else ""
    return not (kind == "fuse" or kind.startswith("fuse."))


def copy_model_last(source: Path, version: Path) -> None:
    """Copies a version file by file, the one that makes it a model last: a server that looks before finds no model.

    Args:
        source: the whole version, elsewhere.
        version: where it is served; a former, half-written copy is removed.
    """
    if version.exists():
        rmtree(version)
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    for file in sorted(files, key=lambda path: path == source / SAVED_MODEL_FILE):
        target = version / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        copyfile(file, target)


def remove_half_written(folder: Path) -> None:
    """Removes the versions of a served folder that `copy_model_last` did not end.

    One that cannot be removed stays: it is no version, and only its number is lost.
    """
    for path in version_folders(folder).values() if folder.is_dir() else ():
        if not (path / SAVED_MODEL_FILE).is_file():
            rmtree(path, ignore_errors=True)


def _mount(line: str) -> tuple[Path, str]:
    """Returns the mount point and the file system's type of a line of mountinfo (proc(5))."""
    before, _, after = line.partition(" - ")
    point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])
    return Path(point), after.split(" ")[0]
