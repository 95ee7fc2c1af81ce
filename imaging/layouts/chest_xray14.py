"""Layout `nih-chestxray14`: frontal chest films with fourteen findings mined from reports."""

from __future__ import annotations

from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row, counted
from imaging.layouts.places import files_below, folder_with
from imaging.layouts.tables import age, read_table, sex

_LAYOUT = "nih-chestxray14"
_TABLE = "Data_Entry_2017*.csv"
_LISTS = {"train_val_list.txt": "train", "test_list.txt": "test"}
_NO_FINDING = "No Finding"
FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Effusion",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
    "Pneumonia",
    "Pneumothorax",
)


def nih_chestxray14(folder: Path, *, official_split: bool = False) -> Found:
    """Frontal chest films with 14 findings mined from reports (NIH ChestX-ray14).

    FOLDER/Data_Entry_2017.csv (or _v2020), FOLDER/images_001/images/*.png to images_012, or all in FOLDER/images/, and
    for --official-split FOLDER/train_val_list.txt and test_list.txt. Writes a column of 1 and 0 a finding, `label`
    (normal, abnormal), `patient_id`, `sex`, `age` and `view`.

    Source: https://nihcc.app.box.com/v/ChestXray-NIHCC; 112,120 films of 30,805 patients, NIH Clinical Center.
    Licence: free use with a link to the source, the citation and thanks to the NIH Clinical Center.
    Cite: Wang et al., ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on Weakly-Supervised
        Classification and Localization of Common Thorax Diseases, CVPR 2017.
    Trap: patients have up to hundreds of films, so that a split by image leaks; the two lists are by patient. Some
        ages are of several hundred years and are left empty. A finding that the report does not mention counts as
        absent. RSNA's and SIIM's sets are made of these films: do not mix them, and judge no model across them.

    Raises:
        ManifestError: the table or a list is missing, or the table names a finding that the set has not.
    """
    root = folder_with(folder, _TABLE, layout=_LAYOUT)
    table = read_table(
        min(root.glob(_TABLE)), "Image Index", "Finding Labels", "Patient ID", "Patient Age", layout=_LAYOUT
    )
    files = files_below(root, ".png").by_name
    rows = [_row(row, files) for row in table]
    impossible = sum(bool(row["Patient Age"]) and not age(row["Patient Age"]) for row in table)
    notes = counted(impossible, "ages are beyond any person's and are left empty")
    if not official_split:
        return Found(rows, notes)
    splits = _splits(root)
    listed = [
        row | {"split": splits[source["Image Index"]]}
        for row, source in zip(rows, table, strict=True)
        if source["Image Index"] in splits
    ]
    return Found(listed, notes + counted(len(rows) - len(listed), "films are in neither list and are left out"))


def _splits(root: Path) -> dict[str, str]:
    """Returns the split of each file that one of the two lists names."""
    splits: dict[str, str] = {}
    for name, split in _LISTS.items():
        try:
            text = (root / name).read_text(encoding="utf-8-sig")
        except OSError as error:
            problem = f"--official-split needs {name} beside the table; it cannot be read: {error.strerror}"
            raise ManifestError(f"layout {_LAYOUT}", [problem]) from error
        splits |= dict.fromkeys(text.split(), split)
    return splits


def _row(row: Row, files: dict[str, str]) -> Row:
    findings = [name.strip() for name in row["Finding Labels"].split("|")]
    unknown = sorted(set(findings) - {*FINDINGS, _NO_FINDING})
    if unknown:
        problem = f"`Finding Labels` has {unknown[0][:40]!r}, which is none of the 14 findings nor {_NO_FINDING!r}"
        raise ManifestError(f"layout {_LAYOUT}", [problem])
    return {
        "file": files.get(row["Image Index"], ""),
        "patient_id": row["Patient ID"],
        "label": "normal" if findings == [_NO_FINDING] else "abnormal",
        "sex": sex(row.get("Patient Gender") or row.get("Patient Sex", "")),
        "age": age(row["Patient Age"]),
        "view": row.get("View Position", ""),
    } | {name: str(int(name in findings)) for name in FINDINGS}
