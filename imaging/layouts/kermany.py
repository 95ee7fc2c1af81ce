"""Layout `kermany`: paediatric chest films, normal or with pneumonia."""

from __future__ import annotations

import re
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row
from imaging.layouts.places import files_below, folder_with

_SPLITS = {"train": "train", "val": "train", "test": "test"}
_LABELS = ("NORMAL", "PNEUMONIA")
_SUFFIXES = (".jpeg", ".jpg", ".png")

_PERSON = re.compile(r"person(?P<number>\d+)_(?P<kind>bacteria|virus)_\d+(_\d+)?")
_SERIES = re.compile(r"(?P<kind>NORMAL2-)?IM-(?P<number>\d+)-\d+(-\d+)?")
_RANDOMIZED = re.compile(r"(?P<kind>NORMAL|BACTERIA|VIRUS)-(?P<number>\d+)-\d+")


def kermany(folder: Path, *, official_split: bool = False) -> Found:
    """Paediatric chest films, NORMAL or PNEUMONIA (Kermany 2018), Mendeley's zip or Kaggle's.

    FOLDER/train/NORMAL/*.jpeg, FOLDER/train/PNEUMONIA/*.jpeg, and the same below test/ and, in Kaggle's, val/.
    Writes `label` (NORMAL, PNEUMONIA), `subtype` (normal, bacteria, virus), `patient_id` and `view` (all films are AP).

    Source: https://data.mendeley.com/datasets/rscbjbr9sj; 5,856 films of children of one to five years, Guangzhou.
    Licence: CC BY 4.0.
    Cite: Kermany et al., Identifying Medical Diagnoses and Treatable Diseases by Image-Based Deep Learning, Cell 2018,
        172(5):1122-1131.
    Trap: the patient stands in the file name alone, and its numbers are counted anew for bacteria, viruses and both
        series of normal films: person1_bacteria and person1_virus are two people. Where a name has the disease and a
        randomized number (BACTERIA-1008087-0001), equal numbers are one patient. Kaggle's val/ is 16 films taken from
        train, too few to stop a training on: --official-split counts them as train. Kaggle's zip has the set twice.

    Raises:
        ManifestError: there is no train/ with both labels below, or a file name is of no known form.
    """
    root = folder_with(folder, "train/NORMAL", "train/PNEUMONIA", layout="kermany")
    files = [
        (split, label, name, path)
        for split in _SPLITS
        for label in _LABELS
        for name, path in files_below(root / split / label, *_SUFFIXES).by_name.items()
    ]
    people = [_person(name) for _, _, name, _ in files]
    unknown = people.count(None)
    if unknown:
        forms = "person1_virus_6, IM-0115-0001, NORMAL2-IM-0383-0001 or BACTERIA-1008087-0001"
        raise ManifestError("layout kermany", [f"{unknown} of {len(files)} file names are not of the form {forms}"])
    rows: list[Row] = []
    for (split, label, _, path), person in zip(files, people, strict=True):
        assert person is not None  # noqa: S101  # counted above
        rows.append({"file": path, "patient_id": person[0], "label": label, "subtype": person[1], "view": "AP"})
        if official_split:
            rows[-1]["split"] = _SPLITS[split]
    return Found(rows)


def _person(name: str) -> tuple[str, str] | None:
    """Returns the patient and the subtype that a file name gives, or None."""
    stem = name.rsplit(".", 1)[0]
    if match := _PERSON.fullmatch(stem):
        return f"{match['kind']}-{int(match['number']):04d}", match["kind"]
    if match := _SERIES.fullmatch(stem):
        return f"{'normal2' if match['kind'] else 'normal'}-{int(match['number']):04d}", "normal"
    if match := _RANDOMIZED.fullmatch(stem):
        return match["number"], match["kind"].lower()
    return None
