"""Layout `siim-pneumothorax`: chest films with masks of pneumothoraces."""

from __future__ import annotations

from pathlib import Path

from imaging.layouts.found import Found, counted
from imaging.layouts.places import files_below, not_this_layout
from imaging.layouts.tables import read_table

_LAYOUT = "siim-pneumothorax"
_TABLES = ("stage_2_train.csv", "train-rle.csv")
"""The second names fewer images; whoever has both, has the larger one."""
_ABSENT = "-1"


def siim_pneumothorax(folder: Path) -> Found:
    """Chest films with masks of pneumothoraces (SIIM-ACR Pneumothorax Segmentation 2019).

    FOLDER/train-rle.csv (or stage_2_train.csv), FOLDER/dicom-images-train/STUDY/SERIES/IMAGE.dcm, at any depth.
    Writes `label` (pneumothorax, no pneumothorax) and `study_id`; patient, sex, age and view stand in the files.

    Source: https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation; films of ChestX-ray14, masks by radiologists.
    Licence: the competition's rules: research and education, no commercial use; registration with Kaggle.
    Cite: Filice et al., Crowdsourcing pneumothorax annotations using machine learning annotations on the NIH chest
        X-ray dataset, Journal of Digital Imaging 2020, 33:490-496.
    Trap: the second column is called ` EncodedPixels`, with a space, and is -1 (also ` -1`) where there is no
        pneumothorax; a film with several masks has several rows; some files have no row, and some are there twice.
        The films are of ChestX-ray14, whose patients have many each: what the files call PatientID need not be that
        patient, so that DataCheck's look-alikes deserve a look.

    Raises:
        ManifestError: the table is missing or lacks a column.
    """
    tables = files_below(folder, ".csv").by_name
    name = next((name for name in _TABLES if name in tables), "")
    if not name:
        raise not_this_layout(folder, _LAYOUT, " or ".join(_TABLES))
    found = files_below(folder, ".dcm")
    files = found.by_stem()
    present: dict[str, bool] = {}
    for row in read_table(Path(tables[name]), "ImageId", "EncodedPixels", layout=_LAYOUT):
        present[row["ImageId"]] = present.get(row["ImageId"], False) or row["EncodedPixels"] != _ABSENT
    rows = [
        {"file": files.get(image, ""), "study_id": _study(files.get(image, ""), image), "label": _label(positive)}
        for image, positive in present.items()
    ]
    return Found(
        rows,
        counted(len(files.keys() - present.keys()), "files have no row and are left out")
        + counted(found.repeated, "files are there twice; the first is taken"),
    )


def _label(positive: bool) -> str:
    return "pneumothorax" if positive else "no pneumothorax"


def _study(path: str, image: str) -> str:
    """Returns the study's UID, which is the folder above the series', or the image's where folders are flat."""
    parts = path.split("/")
    return parts[-3] if len(parts) > 2 and parts[-3].startswith("1.") else image
