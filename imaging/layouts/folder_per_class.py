"""Layout `folder-per-class`: the folder an image lies in is its label."""

from __future__ import annotations

import re
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row, counted
from imaging.layouts.places import is_debris, not_this_layout, paths_below

_LAYOUT = "folder-per-class"
_DICOM = (".dcm", ".dicom")
_OTHERS = (".png", ".jpg", ".jpeg", ".nii", ".nii.gz")
_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "eval",
    "valid": "eval",
    "validation": "eval",
    "eval": "eval",
    "test": "test",
    "testing": "test",
}


def folder_per_class(folder: Path, *, official_split: bool = False, patient: str = "") -> Found:
    """Any folder in which images lie in one folder a label.

    FOLDER/LABEL/..., or FOLDER/train/LABEL/..., FOLDER/val/LABEL/..., FOLDER/test/LABEL/...; images (.png, .jpg, .jpeg,
    .dcm, .dicom, .nii, .nii.gz) at any depth below LABEL. Writes `label`, and `patient_id` or `study_id`.

    Source: any.
    Licence: that of the images.
    Cite: whoever made them.
    Trap: a file name says whose image it is, or nothing does. --patient REGEX takes the patient from the name: the
        group `patient`, else the first group, else what matches, e.g. --patient '^[^_]+'. Without it a DICOM file's
        own PatientID counts, and any other image is a study of its own, so that images of one patient may fall into
        two splits. The split of such folders is seldom by patient: it is used with --official-split only.

    Raises:
        ManifestError: there are not two folders with images, the pattern is none, or some names do not match it.
    """
    pattern = _pattern(patient)
    if not folder.is_dir():
        raise not_this_layout(folder, _LAYOUT, "two or more folders with images, one a label")
    rows: list[Row] = []
    for split, place in _parts(folder):
        for label in sorted(entry.name for entry in place.iterdir() if entry.is_dir() and not is_debris(entry.name)):
            rows += [
                _row(path, folder, label=label, pattern=pattern) | ({"split": split} if official_split else {})
                for path in paths_below(place / label, *_DICOM, *_OTHERS)
            ]
    if len({row["label"] for row in rows}) < 2:
        raise not_this_layout(folder, _LAYOUT, "two or more folders with images, one a label")
    unmatched = sum(not row["patient_id"] for row in rows) if pattern else 0
    if unmatched:
        raise ManifestError(f"layout {_LAYOUT}", [f"--patient does not match {unmatched} of {len(rows)} file names"])
    alone = sum(bool(row["study_id"]) for row in rows)
    return Found(rows, counted(alone, "images have no patient id: each is a study of its own, see --patient"))


def _parts(folder: Path) -> list[tuple[str, Path]]:
    """Returns the folders that hold the labels' folders, each with its split, or the whole folder without one."""
    folders = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not is_debris(entry.name)]
    splits = [(_SPLITS[entry.name.lower()], entry) for entry in folders if entry.name.lower() in _SPLITS]
    if splits and len(splits) < len(folders):
        raise ManifestError(f"layout {_LAYOUT}", ["some folders are splits (train, test) and others are not"])
    return splits or [("", folder)]


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text) if text else None
    except re.error as error:
        raise ManifestError(f"layout {_LAYOUT}", [f"--patient is no regular expression: {error}"]) from error


def _row(path: str, folder: Path, *, label: str, pattern: re.Pattern[str] | None) -> Row:
    alone = not pattern and not path.lower().endswith(_DICOM)
    return {
        "file": path,
        "patient_id": _patient(path.rsplit("/", 1)[1], pattern) if pattern else "",
        "study_id": path.removeprefix(f"{folder}/") if alone else "",
        "label": label,
    }


def _patient(name: str, pattern: re.Pattern[str]) -> str:
    match = pattern.search(name)
    if not match:
        return ""
    groups = match.groupdict()
    return str(groups.get("patient") or (match[1] if pattern.groups else match[0]) or "")
