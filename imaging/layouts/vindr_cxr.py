"""Layout `vindr-cxr`: chest films read by three radiologists each."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row, Table
from imaging.layouts.places import Files, files_below, not_this_layout
from imaging.layouts.tables import finding, read_table

_LAYOUT = "vindr-cxr"
_SPLITS = ("train", "test")
_SUFFIXES = (".dicom", ".dcm", ".png", ".jpg")
_NOT_FINDINGS = ("image_id", "rad_id")
_RENAMED = {"Other disease": "Other diseases"}
"""The test table's name of a column -> the train table's."""

Readings = dict[str, list[Row]]
"""Image -> one row of findings a reader."""


def vindr_cxr(folder: Path, *, official_split: bool = False, readers: str = "majority") -> Found:
    """Chest films read by three radiologists each (VinDr-CXR, PhysioNet's or Kaggle's).

    FOLDER/annotations/image_labels_train.csv and image_labels_test.csv, FOLDER/train/*.dicom, FOLDER/test/*.dicom; of
    Kaggle's VinBigData set FOLDER/train.csv. Writes a column of 1, 0 and -1 a finding, `No finding` among them, and
    `study_id`; patient, sex and age stand in the files as far as they are known.

    Source: https://physionet.org/content/vindr-cxr/1.0.0; 18,000 PA films of two hospitals in Hanoi.
    Licence: PhysioNet's credentialed health data licence: registration, training, no sharing.
    Cite: Nguyen et al., VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations, Scientific Data
        2022, 9:429.
    Trap: a train film has three rows, one a reader, and readers disagree: --readers majority (two of three), any
        (one is enough) or agreed (unknown where they differ). A test film has one row, the consensus of five. The test
        table calls `Other diseases` `Other disease`. No patient ids are published.

    Raises:
        ManifestError: no table is there, or it lacks a column.
    """
    tables, files = files_below(folder, ".csv").by_name, files_below(folder, *_SUFFIXES)
    rows: list[Row] = []
    for split in _SPLITS:
        readings = _readings(tables, split)
        rows += _rows(readings, files, readers=readers, split=split if official_split else "")
    if not rows:
        raise not_this_layout(folder, _LAYOUT, "image_labels_train.csv")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    note = "no patient ids are published: an image whose file has none stands for a patient"
    return Found([{name: row.get(name, "") for name in columns} for row in rows], (note,))


def _readings(tables: dict[str, str], split: str) -> Readings:
    """Returns what each reader saw in each image, from the table of labels, else from the boxes."""
    labels = tables.get(f"image_labels_{split}.csv")
    boxes = tables.get(f"annotations_{split}.csv") or (tables.get("train.csv") if split == "train" else None)
    if labels:
        return _from_labels(read_table(Path(labels), "image_id", layout=_LAYOUT))
    if boxes:
        return _from_boxes(read_table(Path(boxes), "image_id", "class_name", layout=_LAYOUT))
    return {}


def _from_labels(table: Table) -> Readings:
    readings: Readings = defaultdict(list)
    for row in table:
        seen = {name: value for name, value in row.items() if name not in _NOT_FINDINGS}
        readings[row["image_id"]].append({_RENAMED.get(name, name): finding(value) for name, value in seen.items()})
    return readings


def _from_boxes(table: Table) -> Readings:
    names = sorted({row["class_name"] for row in table})
    seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in table:
        seen[row["image_id"]][row.get("rad_id", "")].add(row["class_name"])
    return {
        image: [{name: str(int(name in present)) for name in names} for present in by_reader.values()]
        for image, by_reader in seen.items()
    }


def _rows(readings: Readings, files: Files, *, readers: str, split: str) -> Table:
    paths = files.by_stem()
    rows = []
    for image, rows_of_readers in readings.items():
        row = {"file": paths.get(image, ""), "study_id": image} | ({"split": split} if split else {})
        names = rows_of_readers[0]
        rows.append(row | {name: _vote([one[name] for one in rows_of_readers], readers) for name in names})
    return rows


def _vote(values: list[str], readers: str) -> str:
    """Returns 1, 0 or -1 for what readers said of one finding."""
    present = values.count("1")
    if present + values.count("0") < len(values):
        raise ManifestError(f"layout {_LAYOUT}", ["a reader's finding is neither 0 nor 1"])
    if readers == "agreed" and 0 < present < len(values):
        return "-1"
    return str(int(present > 0 if readers == "any" else 2 * present > len(values)))
