from __future__ import annotations

import csv
from pathlib import Path

import pytest

from data_schemas.errors import ManifestError
from data_schemas.task_file import load_task
from imaging.layouts.kermany import kermany
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

DATA = Path(__file__).parents[3] / ".." / "shared" / "data" / "kermany-cxr-pneumonia"
NAMES = (
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/NORMAL2-IM-0115-0001-0002.jpeg",
    "train/PNEUMONIA/person1_bacteria_1.jpeg",
    "train/PNEUMONIA/person1_bacteria_2.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/NORMAL/IM-0001-0001.jpeg",
    "test/PNEUMONIA/person1_virus_6.jpeg",
    "test/PNEUMONIA/person447_virus_921_1.jpeg",
)


def test_kaggles_folders_and_what_their_zip_has_twice(tree, tmp_path):
    folder = tree(
        *(f"chest_xray/{name}" for name in NAMES),
        *(f"chest_xray/chest_xray/{name}" for name in NAMES),
        "chest_xray/__MACOSX/chest_xray/train/NORMAL/._IM-0115-0001.jpeg",
        "chest_xray/train/NORMAL/.DS_Store",
    )
    found = read_layout("kermany", folder)
    write_manifest(found.rows, tmp_path / "manifest.csv")
    rows = read_manifest(tmp_path / "manifest.csv", load_task("chest_xray_pneumonia")).rows
    assert [row.label for row in rows] == ["NORMAL", "NORMAL"] + ["PNEUMONIA"] * 3 + ["NORMAL"] + ["PNEUMONIA"] * 2
    types = read_manifest(tmp_path / "manifest.csv", load_task("chest_xray_pneumonia_type")).rows
    assert [row.label for row in types] == ["normal"] * 2 + ["bacteria"] * 3 + ["normal"] + ["virus"] * 2
    assert {row.split for row in rows} == {""} and {row.view for row in rows} == {"AP"}


def test_person_1_with_bacteria_is_not_person_1_with_a_virus(tree):
    patients = [row["patient_id"] for row in kermany(tree(*NAMES)).rows]
    assert patients[:4] == ["normal-0115", "normal2-0115", "bacteria-0001", "bacteria-0001"]
    assert patients[-2:] == ["virus-0001", "virus-0447"]


def test_mendeleys_randomized_numbers_are_the_patient_under_any_disease(tree):
    names = ("NORMAL/NORMAL-28501-0001.jpeg", "PNEUMONIA/BACTERIA-31-0001.jpeg", "PNEUMONIA/VIRUS-31-0002.jpeg")
    rows = kermany(tree(*(f"CellData/chest_xray/train/{name}" for name in names), "CellData/OCT/train/NORMAL/x.jpeg"))
    assert [(row["patient_id"], row["subtype"]) for row in rows.rows] == [
        ("28501", "normal"),
        ("31", "bacteria"),
        ("31", "virus"),
    ]


def test_kaggles_val_is_part_of_train_in_the_published_split(tree):
    rows = kermany(tree(*NAMES), official_split=True).rows
    assert [row["split"] for row in rows] == ["train"] * 5 + ["test"] * 3


def test_names_of_no_known_form_are_counted(tree):
    with pytest.raises(ManifestError, match="1 of 9 file names"):
        kermany(tree(*NAMES, "train/NORMAL/film.jpeg"))


def test_every_name_of_the_real_set_gives_the_patient_that_its_curators_found(tree):
    if not DATA.is_dir():
        pytest.skip("the public data set kermany-cxr-pneumonia is not beside the project, in ../shared/data")
    with (DATA / "labels.csv").open(encoding="utf-8") as file:
        known = {row["source_path"].removeprefix("data/").split("/", 1)[1]: row for row in csv.DictReader(file)}
    folder = tree(*(f"train/{name}" for name in known))
    rows = kermany(folder).rows
    assert len(rows) == 5232
    for row in rows:
        curated = known[row["file"].removeprefix(f"{folder}/train/")]
        assert (row["patient_id"], row["subtype"]) == (curated["patient_id"], curated["subtype"])
