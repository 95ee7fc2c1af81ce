"""Layout `cbis-ddsm`: digitized mammograms with biopsied masses and calcifications."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row, Table, counted
from imaging.layouts.places import files_below, is_debris, not_this_layout
from imaging.layouts.tables import read_table

_LAYOUT = "cbis-ddsm"
_TABLES = {
    f"{kind}_case_description_{split}_set.csv": (abnormality, split)
    for kind, abnormality in (("mass", "mass"), ("calc", "calcification"))
    for split in ("train", "test")
}
_SUFFIXES = (".dcm", ".jpg", ".jpeg", ".png")
_PATHOLOGIES = ("BENIGN_WITHOUT_CALLBACK", "BENIGN", "MALIGNANT")
"""From the least to the worst."""
_COLUMNS = ("patient_id", "left or right breast", "image view", "pathology", "image file path")


def cbis_ddsm(folder: Path, *, official_split: bool = False) -> Found:
    """Digitized mammograms with biopsied masses and calcifications (CBIS-DDSM, TCIA's DICOM or Kaggle's JPEG).

    Below FOLDER, at any depth: mass_case_description_train_set.csv, the same for test and for calc, and the folders
    Mass-Training_P_00001_LEFT_CC/... as the NBIA Data Retriever writes them, or Kaggle's jpeg/SERIES/. Writes `label`
    (BENIGN, MALIGNANT), `pathology` (the worst of the image), `abnormality` (mass, calcification or both),
    `patient_id`, `laterality`, `view` (CC, MLO), `breast_density` and `modality`. Full mammograms only, one row each.

    Source: https://www.cancerimagingarchive.net/collection/cbis-ddsm; 1,566 women, screen films, digitized.
    Licence: CC BY 3.0.
    Cite: Lee et al., A curated mammography data set for use in computer-aided detection and diagnosis research,
        Scientific Data 2017, 4:170177; and the collection, doi 10.7937/K9/TCIA.2016.7O02S9CY.
    Trap: PatientID in the files names the view, not the woman; the tables have the woman. A table has one row an
        abnormality, so an image may have several: it is malignant if one is. The paths in the tables are not those of
        the download, and those of crops and masks are swapped in some rows; neither is used here. The density's
        column is called breast_density for masses and `breast density` for calcifications. BENIGN_WITHOUT_CALLBACK
        was judged without a biopsy. Masses and calcifications were split apart: --official-split leaves out train
        images of women who are also in test.

    Raises:
        ManifestError: no table is there, or it lacks a column or has another pathology.
    """
    present = files_below(folder, ".csv").by_name
    tables = {name: present[name] for name in _TABLES if name in present}
    if not tables:
        raise not_this_layout(folder, _LAYOUT, "mass_case_description_train_set.csv or another of the four tables")
    images: dict[str, Table] = defaultdict(list)
    for name, path in tables.items():
        abnormality, split = _TABLES[name]
        for row in read_table(Path(path), *_COLUMNS, layout=_LAYOUT):
            images[_clean(row["image file path"])].append(row | {"abnormality": abnormality, "split": split})
    places = _places(folder)
    made = [_row(rows, _locate(path, places), official_split) for path, rows in images.items()]
    absent = [name for name in _TABLES if name not in tables]
    return Found(made, counted(len(absent), f"of the four tables are not there: {', '.join(absent)}"))


def _clean(path: str) -> str:
    """Returns a path of the table without the quotes and line breaks that some have."""
    return path.strip().strip('"').strip().replace("\\", "/")


def _places(folder: Path) -> dict[str, list[str]]:
    """Returns the images below each folder name that a table's path may start with, or have for its series."""
    places: dict[str, list[str]] = defaultdict(list)
    top = str(folder)
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_debris(name))
        images = [f"{where}/{name}" for name in sorted(names) if name.lower().endswith(_SUFFIXES)]
        if images:
            for part in set(where[len(top) :].split("/")) - {""}:
                places[part] += images
    return places


def _locate(path: str, places: dict[str, list[str]]) -> str:
    """Returns the one image of a table's path: of the series, else of the view's folder; empty where it is not one."""
    parts = path.split("/")
    for part in (parts[-2] if len(parts) > 1 else "", parts[0]):
        found = places.get(part, [])
        if part and len(found) == 1:
            return found[0]
    return ""


def _row(rows: Table, file: str, official_split: bool) -> Row:
    first = rows[0]
    pathology = _worst(row["pathology"] for row in rows)
    made = {
        "file": file,
        "patient_id": first["patient_id"],
        "label": "MALIGNANT" if pathology == "MALIGNANT" else "BENIGN",
        "pathology": pathology,
        "abnormality": " and ".join(sorted({row["abnormality"] for row in rows})),
        "laterality": first["left or right breast"],
        "view": first["image view"],
        "breast_density": first.get("breast_density") or first.get("breast density", ""),
        "modality": "MG",
    }
    return made | ({"split": first["split"]} if official_split else {})


def _worst(pathologies: Iterable[str]) -> str:
    try:
        return max(pathologies, key=_PATHOLOGIES.index)
    except ValueError as error:
        raise ManifestError(f"layout {_LAYOUT}", [f"`pathology` is none of {', '.join(_PATHOLOGIES)}"]) from error
