"""Layout `rsna-pneumonia`: chest films with boxes around what may be pneumonia."""

from __future__ import annotations

import json
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row
from imaging.layouts.places import files_below, folder_with
from imaging.layouts.tables import finding, read_table

_LAYOUT = "rsna-pneumonia"
_LABELS = "stage_2_train_labels.csv"
_CLASSES = "stage_2_detailed_class_info.csv"
_MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"


def rsna_pneumonia(folder: Path) -> Found:
    """Chest films with boxes around what may be pneumonia (RSNA Pneumonia Detection Challenge 2018).

    FOLDER/stage_2_train_labels.csv, FOLDER/stage_2_train_images/*.dcm; stage_2_detailed_class_info.csv adds `class`.
    Writes `label` (pneumonia, no pneumonia), `class` (Normal, Lung Opacity, No Lung Opacity / Not Normal),
    `patient_id` and `study_id`; modality, sex, age and view stand in the files. The test images have no labels and are
    not used.

    Source: https://www.rsna.org/artificial-intelligence/ai-image-challenge/rsna-pneumonia-detection-challenge-2018;
        26,684 films of ChestX-ray14, read by radiologists.
    Licence: RSNA's terms of use: any purpose, with attribution to RSNA and the NIH Clinical Center.
    Cite: Shih et al., Augmenting the National Institutes of Health Chest Radiograph Dataset with Expert Annotations of
        Possible Pneumonia, Radiology: Artificial Intelligence 2019, 1(1):e180041.
    Trap: a film has one row a box, and `patientId` names the film, not the patient: a split by it puts one person on
        both sides. RSNA's pneumonia-challenge-dataset-mappings_2018.json, put into FOLDER, gives the film of
        ChestX-ray14 and with it the patient. `no pneumonia` is not healthy: see `class`.

    Raises:
        ManifestError: a table is missing or lacks a column, or the mapping cannot be read.
    """
    root = folder_with(folder, _LABELS, layout=_LAYOUT)
    targets: dict[str, str] = {}
    for row in read_table(root / _LABELS, "patientId", "Target", layout=_LAYOUT):
        targets[row["patientId"]] = max(targets.get(row["patientId"], "0"), finding(row["Target"]))
    classes = _classes(root / _CLASSES)
    patients = _patients(root / _MAPPING)
    files = files_below(root / "stage_2_train_images", ".dcm").by_name
    rows = [
        _row(image, target, file=files.get(f"{image}.dcm", ""), patient=patients.get(image, image))
        | ({"class": classes.get(image, "")} if classes else {})
        for image, target in targets.items()
    ]
    return Found(rows, _notes(rows, patients))


def _row(image: str, target: str, *, file: str, patient: str) -> Row:
    return {
        "file": file,
        "patient_id": patient,
        "study_id": image,
        "label": "pneumonia" if target == "1" else "no pneumonia",
    }


def _classes(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    return {row["patientId"]: row["class"] for row in read_table(path, "patientId", "class", layout=_LAYOUT)}


def _patients(path: Path) -> dict[str, str]:
    """Returns the patient of ChestX-ray14 for each image: `img_id` is that set's file name, PATIENT_NUMBER.png."""
    if not path.is_file():
        return {}
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"))
        return {one["subset_img_id"]: str(int(one["img_id"].split("_")[0])) for one in mapping}
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"{_MAPPING} cannot be read as a list of subset_img_id and img_id ({type(error).__name__})"
        raise ManifestError(f"layout {_LAYOUT}", [problem]) from error


def _notes(rows: list[Row], patients: dict[str, str]) -> tuple[str, ...]:
    unmapped = sum(row["study_id"] not in patients for row in rows)
    if not patients:
        return (f"without {_MAPPING} each film counts as a patient of its own: people with several films may leak",)
    return (f"{unmapped} films are not in {_MAPPING} and count as patients of their own",) if unmapped else ()
