"""Layout `chexpert`: chest films with fourteen observations, of which some are uncertain."""

from __future__ import annotations

import os
import re
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row, counted
from imaging.layouts.places import folder_with
from imaging.layouts.tables import age, finding, read_table, sex

_LAYOUT = "chexpert"
_TABLES = {"train.csv": "train", "valid.csv": "eval"}
_PATH = re.compile(r"(?:.*/)?(?P<patient>patient\d+)/(?P<study>study\d+)/(?P<name>[^/]+)")
_PATIENT = re.compile(r"patient\d+")
_PATIENT_DEPTH = 3
"""Levels below the given folder at which the patients' folders may lie."""

OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
VALUES = {"present": "1", "absent": "0", "unknown": "-1"}
"""What --uncertain and --unmentioned may be -> the manifest's value."""


def chexpert(
    folder: Path, *, official_split: bool = False, uncertain: str = "unknown", unmentioned: str = "unknown"
) -> Found:
    """Chest films with 14 observations mined from reports, of which some are uncertain (CheXpert, also small).

    FOLDER/train.csv, FOLDER/valid.csv, FOLDER/train/patient00001/study1/view1_frontal.jpg; FOLDER is CheXpert-v1.0,
    CheXpert-v1.0-small, or the folder that holds the batches of the full set. Writes a column an observation,
    `patient_id`, `study_id`, `sex`, `age` and `view` (AP, PA, LL, RL, or LATERAL for the others).

    Source: https://stanfordmlgroup.github.io/competitions/chexpert; 224,316 films of 65,240 patients, Stanford.
    Licence: Stanford University Dataset Research Use Agreement: registration, no commercial use, no sharing.
    Cite: Irvin et al., CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert Comparison, AAAI
        2019.
    Trap: -1 means that the report is uncertain, and empty that it says nothing. Both are unknown to a task and left
        out of its loss, unless --uncertain (present, absent) and --unmentioned (absent) say otherwise; the paper
        compares these choices for what is uncertain. `No Finding` is never 0 in train.csv. A study has several views:
        they share patient and study; --where view=AP,PA keeps frontal films. valid.csv was read by radiologists,
        train.csv by a program; --official-split makes it the split `eval`.

    Raises:
        ManifestError: there is no train.csv or valid.csv, or a path in it is of another form.
    """
    root = folder_with(folder, "train.csv", layout=_LAYOUT)
    patients, repeated = _patient_folders(folder)
    rows: list[Row] = []
    for name, split in _TABLES.items():
        if (root / name).is_file():
            for row in read_table(root / name, "Path", *OBSERVATIONS, layout=_LAYOUT):
                rows.append(_row(row, patients))
                if official_split:
                    rows[-1]["split"] = split
    meaning = {"-1": VALUES[uncertain], "": "" if unmentioned == "unknown" else VALUES[unmentioned]}
    for made in rows:
        made.update({name: meaning.get(made[name], made[name]) for name in OBSERVATIONS})
    return Found(rows, counted(repeated, "patients' folders stand twice; the first is taken"))


def _patient_folders(folder: Path) -> tuple[dict[str, str], int]:
    """Returns the folder of each patient, and how many more there are; one listing a folder above the patients."""
    found: dict[str, str] = {}
    repeated = 0
    level = [str(folder)]
    for _ in range(_PATIENT_DEPTH):
        below: list[str] = []
        for one in level:
            with os.scandir(one) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
            patients = [name for name in names if _PATIENT.fullmatch(name)]
            repeated += sum(name in found for name in patients)
            found = {name: f"{one}/{name}" for name in patients} | found
            below += [f"{one}/{name}" for name in names if not _PATIENT.fullmatch(name)]
        level = below
    return found, repeated


def _row(row: Row, patients: dict[str, str]) -> Row:
    match = _PATH.fullmatch(row["Path"])
    if not match:
        raise ManifestError(
            f"layout {_LAYOUT}", ["`Path` is not of the form .../patient00001/study1/view1_frontal.jpg"]
        )
    path = f"{patients.get(match['patient'], '')}/{match['study']}/{match['name']}"
    frontal = row.get("Frontal/Lateral", "") != "Lateral"
    return {
        "file": path if os.path.isfile(path) else "",  # noqa: PTH113  # of 224,316
        "patient_id": match["patient"],
        "study_id": f"{match['patient']}-{match['study']}",
        "sex": sex(row.get("Sex", "")),
        "age": age(row.get("Age", "")),
        "view": row.get("AP/PA", "") or ("" if frontal else "LATERAL"),
    } | {name: finding(row[name]) for name in OBSERVATIONS}
