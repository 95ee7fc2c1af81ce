"""Layout `dicomdir`: a DICOMDIR, as CDs and exports have it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from data_schemas.errors import ImageRejected, ManifestError
from imaging.dicom_file import read_dataset, text, value
from imaging.layouts.found import Found, Row, Table, counted
from imaging.layouts.places import folder_with
from imaging.layouts.tables import read_table, sex

_LAYOUT = "dicomdir"
_KEYS = {
    "sop_instance_uid": "ReferencedSOPInstanceUIDInFile",
    "series_instance_uid": "SeriesInstanceUID",
    "study_instance_uid": "StudyInstanceUID",
    "patient_id": "PatientID",
}
"""Columns by which labels are joined, the first one that the table has -> the directory's element."""

_FIRST = "OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity"
_NEXT = "OffsetOfTheNextDirectoryRecord"
_LOWER = "OffsetOfReferencedLowerLevelDirectoryEntity"
_INHERITED = ("PatientID", "PatientSex", "StudyInstanceUID", "SeriesInstanceUID", "Modality")

Chain = dict[str, str]
"""Values of an image's record and of the records above it, by keyword."""


def dicomdir(source: Path, *, labels: Path | None = None) -> Found:
    """A DICOMDIR with the files that it refers to (DICOM PS3.10, 8; PS3.3, annex F).

    SOURCE is the DICOMDIR or its folder. Writes `patient_id`, `study_id`, `series_id`, `modality` and `sex` of the
    directory's records. --labels TABLE adds the columns of a CSV file that has a column sop_instance_uid,
    series_instance_uid, study_instance_uid or patient_id, the first of these being what the rows are joined by.

    Source: any CD, DVD or export with a DICOMDIR.
    Licence: that of the images.
    Cite: whoever made them.
    Trap: paths stand in it by their parts, in upper case and without a suffix, while copying has often made them lower
        case: they are looked up in either case. Records of reports, presentation states and others have no image and
        are left out, and so are inactive records. Records are linked by their offsets in the file, not by their order.

    Raises:
        ManifestError: there is no DICOMDIR, it cannot be read, or the table of labels has no column to join by.
    """
    path = source if source.is_file() else _find(source)
    chains = list(_images(_read(path)))
    other = sum("ReferencedFileID" not in chain for chain in chains)
    images = [chain for chain in chains if "ReferencedFileID" in chain]
    locate = _Locator(path.parent)
    rows = [_row(chain, locate(chain["ReferencedFileID"])) for chain in images]
    notes = counted(other, "records that are no images are left out")
    if not labels:
        return Found(rows, notes)
    joined = _join(rows, images, labels)
    return Found(joined, notes + counted(len(rows) - len(joined), "images have no row in the table and are left out"))


def _find(folder: Path) -> Path:
    root = folder_with(folder, "[Dd][Ii][Cc][Oo][Mm][Dd][Ii][Rr]", layout=_LAYOUT)
    return next(entry for entry in sorted(root.iterdir()) if entry.name.upper() == "DICOMDIR")


def _read(path: Path) -> Dataset:
    try:
        directory = read_dataset(path.read_bytes())
    except (OSError, ImageRejected) as error:
        raise ManifestError(f"layout {_LAYOUT}", [f"the DICOMDIR cannot be read: {error}"]) from error
    if not isinstance(value(directory, "DirectoryRecordSequence"), Sequence):
        raise ManifestError(f"layout {_LAYOUT}", ["the file is DICOM and has no directory records"])
    return directory


def _images(directory: Dataset) -> Iterator[Chain]:
    """Yields each active record without records below, with the values of those above it.

    Records form a tree by byte offsets (PS3.3, F.3.2.2); a loop in them, or an offset to nowhere, ends the branch.
    """
    records = {record.seq_item_tell: record for record in directory.DirectoryRecordSequence}
    stack: list[tuple[int, Chain]] = [(_offset(directory, _FIRST), {})]
    while stack:
        offset, above = stack.pop()
        record = records.pop(offset, None)
        if record is None:
            continue
        stack.append((_offset(record, _NEXT), above))
        if value(record, "RecordInUseFlag") == 0:
            continue
        chain = above | _values(record)
        lower = _offset(record, _LOWER)
        if lower:
            stack.append((lower, chain))
        elif text(record, "DirectoryRecordType") not in ("PATIENT", "STUDY", "SERIES"):
            yield chain


def _offset(record: Dataset, keyword: str) -> int:
    """Returns where a record starts in the file, or 0 where the element leads nowhere."""
    found = value(record, keyword)
    return found if isinstance(found, int) else 0


def _values(record: Dataset) -> Chain:
    values = {name: text(record, name) for name in _INHERITED if name in record}
    parts = value(record, "ReferencedFileID")
    if parts and text(record, "DirectoryRecordType") == "IMAGE":
        values["ReferencedFileID"] = "/".join(map(str, parts)) if isinstance(parts, MultiValue) else str(parts)
        values["ReferencedSOPInstanceUIDInFile"] = text(record, "ReferencedSOPInstanceUIDInFile")
    return values


class _Locator:
    """Finds the files that a DICOMDIR names below its folder, in whatever case they were copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._by_lower: dict[str, str] | None = None

    def __call__(self, name: str) -> str:
        if ".." in name.split("/"):
            return ""
        path = f"{self._folder}/{name}"
        if os.path.isfile(path):  # noqa: PTH113  # of 100,000
            return path
        if self._by_lower is None:
            self._by_lower = {found.lower(): found for found in _all_files(self._folder)}
        return self._by_lower.get(path.lower(), "")


def _all_files(folder: Path) -> Iterator[str]:
    for where, _, names in os.walk(folder):
        yield from (f"{where}/{name}" for name in names)


def _row(chain: Chain, file: str) -> Row:
    return {
        "file": file,
        "patient_id": chain.get("PatientID", ""),
        "study_id": chain.get("StudyInstanceUID", ""),
        "series_id": chain.get("SeriesInstanceUID", ""),
        "modality": chain.get("Modality", ""),
        "sex": sex(chain.get("PatientSex", "")),
    }


def _join(rows: Table, images: list[Chain], labels: Path) -> Table:
    """Returns the rows that the table of labels has a row for, with its columns."""
    table = read_table(labels, layout=_LAYOUT)
    key = next((name for name in _KEYS if name in table[0]), None)
    if key is None:
        raise ManifestError(f"layout {_LAYOUT}", [f"{labels.name} has none of the columns {', '.join(_KEYS)}"])
    by_key = {row[key]: {name: value for name, value in row.items() if name not in _KEYS} for row in table}
    values = [chain.get(_KEYS[key], "") for chain in images]
    return [row | by_key[value] for row, value in zip(rows, values, strict=True) if value in by_key]
