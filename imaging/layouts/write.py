"""Writes rows as a manifest."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Table


def write_manifest(rows: Table, path: Path) -> None:
    """Writes rows as a manifest; files below its folder get a relative path, so that both can move together.

    Args:
        rows: of a layout, all with the same columns.
        path: the CSV file; one that exists is replaced whole.

    Raises:
        ManifestError: it cannot be written.
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.partial")
    folder = str(path.parent).rstrip(os.sep) + os.sep
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(row | {"file": row["file"].removeprefix(folder)} for row in rows)
        temporary.replace(path)
    except OSError as error:
        raise ManifestError(f"manifest {path.name}", [f"it cannot be written: {error.strerror}"]) from error
