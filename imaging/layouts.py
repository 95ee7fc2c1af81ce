"""Folders that public data sets come in -> manifest. One layout so far: `labels-csv`.

FOLDER/labels.csv     one row an image: file, label, patient_id and whatever else is known
FOLDER/images/ or     the files that `file` names
FOLDER/dicom/
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.ages import age_in_years

Table = list[dict[str, str]]

_FOLDERS = ("images", "dicom", ".")
_COPIED = (
    "patient_id",
    "study_id",
    "site",
    "label",
    "subtype",
    "sex",
    "age",
    "modality",
    "view",
    "manufacturer",
    "consent",
)
"""Columns that keep their name and their meaning. Suggested splits are left out: the task draws its own, by patient."""
_RENAMED = {"dicom_age": "age", "study_uid": "study_id"}
_FINDINGS = "finding_labels"
"""NIH ChestX-ray14's column: findings parted by `|`, or `No Finding`."""
_NO_FINDING = "No Finding"


def labels_csv(folder: Path) -> Table:
    """Returns manifest rows for a folder with a `labels.csv`, `file` being an absolute path.

    `finding_labels` becomes one column of 1 and 0 for every finding that any row has. An age that no person has is
    left empty: ChestX-ray14 has some of several hundred years.

    Raises:
        ManifestError: there is no `labels.csv`, or files that it names are missing.
    """
    folder = folder.resolve()
    source = _read(folder / "labels.csv")
    findings = sorted({name for row in source for name in _findings(row)})
    rows = [{"file": str(_locate(folder, row["file"]))} | _copied(row) | _expanded(row, findings) for row in source]
    missing = sum(not Path(row["file"]).is_file() for row in rows)
    if missing:
        raise ManifestError(
            "labels.csv", [f"{missing} of {len(rows)} files are in neither images/ nor dicom/ beside it"]
        )
    return rows


LAYOUTS: dict[str, Callable[[Path], Table]] = {"labels-csv": labels_csv}
"""Name on the command line -> function from a folder to manifest rows."""


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
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(row | {"file": _relative(row["file"], path.parent)} for row in rows)
        temporary.replace(path)
    except OSError as error:
        raise ManifestError(f"manifest {path.name}", [f"it cannot be written: {error.strerror}"]) from error


def _read(path: Path) -> Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError("labels.csv", [f"the folder has none that can be read ({type(error).__name__})"]) from error
    if not rows or "file" not in rows[0]:
        raise ManifestError("labels.csv", ["it has no rows, or no column `file`"])
    return rows


def _locate(folder: Path, name: str) -> Path:
    candidates = [folder / subfolder / name for subfolder in _FOLDERS]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _copied(row: dict[str, str]) -> dict[str, str]:
    copied = {_RENAMED.get(name, name): value or "" for name, value in row.items() if name in (*_COPIED, *_RENAMED)}
    if "age" in copied and age_in_years(copied["age"]) is None:
        copied["age"] = ""
    return copied


def _findings(row: dict[str, str]) -> list[str]:
    names = [name.strip() for name in (row.get(_FINDINGS) or "").split("|")]
    return [name for name in names if name and name != _NO_FINDING]


def _expanded(row: dict[str, str], findings: list[str]) -> dict[str, str]:
    present = _findings(row)
    return {name: str(int(name in present)) for name in findings}


def _relative(file: str, folder: Path) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file
