"""Carries the labels of a manifest over to the de-identified files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.ages import age_in_years
from imaging.deidentification.replacements import OLDEST_TOLD
from imaging.manifest import FINDING_VALUES

_CARRIED = ("label", "sex", "age", "modality", "view", "manufacturer", "split", "consent")
"""Columns that name nobody. Patient and study stand in the files, by their pseudonyms."""


def carried_manifest(path: Path, targets: Mapping[Path, Path]) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Returns the manifest rows of de-identified files, and the columns that were left out.

    Columns are carried over that name nobody by their meaning, or that hold findings (1, 0, -1 or nothing) alone.

    Args:
        path: the manifest of the original files.
        targets: by resolved original, the de-identified file.

    Raises:
        ManifestError: it cannot be read, or has no column `file`.
    """
    header, records = _read(path)
    kept = [name for name in header if name in _CARRIED or (name != "file" and _is_finding(records, name))]
    rows = []
    for record in records:
        target = targets.get((path.parent / record["file"]).resolve())
        if target is not None:
            rows.append({"file": str(target), **{name: _told(name, record[name]) for name in kept}})
    return rows, tuple(name for name in header if name not in ("file", *kept))


def _told(name: str, value: str) -> str:
    """Returns a cell, an age beyond `OLDEST_TOLD` years as 90."""
    years = age_in_years(value) if name == "age" else None
    return "90" if years is not None and years > OLDEST_TOLD else value


def _is_finding(records: Sequence[Mapping[str, str]], name: str) -> bool:
    return all(record[name] in FINDING_VALUES for record in records)


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"manifest {path.name}", [f"it cannot be read ({type(error).__name__})"]) from error
    records = [{name: (value or "").strip() for name, value in row.items() if name} for row in rows]
    if not records or "file" not in records[0]:
        raise ManifestError(f"manifest {path.name}", ["it has no rows, or no column `file`"])
    return list(records[0]), records
