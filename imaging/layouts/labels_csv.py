"""Layout `labels-csv`: a labels.csv beside images/ or dicom/."""

from __future__ import annotations

import os
from pathlib import Path

from imaging.layouts.found import Found
from imaging.layouts.places import folder_with
from imaging.layouts.tables import age, read_table

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


def labels_csv(folder: Path) -> Found:
    """A labels.csv beside images/ or dicom/.

    FOLDER/labels.csv has a row an image: `file`, `label`, `patient_id` and what else is known. FOLDER/images/ or
    FOLDER/dicom/ has the files. `finding_labels` (findings parted by `|`) becomes one column of 1 and 0 a finding.

    Source: any folder that has this form.
    Licence: that of the images.
    Cite: whoever made them.
    Trap: a split that the table suggests is left out, since the task draws its own by patient; an age that no person
        has is left empty.

    Raises:
        ManifestError: there is no labels.csv, or it has no column `file`.
    """
    folder = folder_with(folder, "labels.csv", layout="labels-csv")
    source = read_table(folder / "labels.csv", "file", layout="labels-csv")
    findings = sorted({name for row in source for name in _findings(row)})
    places = [folder / name for name in _FOLDERS]
    return Found([{"file": _locate(places, row["file"])} | _copied(row) | _expanded(row, findings) for row in source])


def _locate(places: list[Path], name: str) -> str:
    return next((path for place in places if os.path.isfile(path := os.path.join(place, name))), "")  # noqa: PTH113, PTH118  # of 100,000


def _copied(row: dict[str, str]) -> dict[str, str]:
    copied = {_RENAMED.get(name, name): value for name, value in row.items() if name in (*_COPIED, *_RENAMED)}
    if "age" in copied:
        copied["age"] = age(copied["age"])
    return copied


def _findings(row: dict[str, str]) -> list[str]:
    names = [name.strip() for name in row.get(_FINDINGS, "").split("|")]
    return [name for name in names if name and name != _NO_FINDING]


def _expanded(row: dict[str, str], findings: list[str]) -> dict[str, str]:
    present = _findings(row)
    return {name: str(int(name in present)) for name in findings}
