from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from data_schemas.task_file import load_task
from imaging.layouts.chest_xray14 import nih_chestxray14
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
TABLE = f"""{HEADER}
00000001_000.png,Cardiomegaly,0,1,58,M,PA,2682,2749,0.143,0.143,
00000001_001.png,Cardiomegaly|Effusion,1,1,58,M,AP,2894,2729,0.143,0.143,
00000002_000.png,No Finding,0,2,411,F,PA,2500,2048,0.171,0.171,
"""
IMAGES = (
    "images_001/images/00000001_000.png",
    "images_001/images/00000001_001.png",
    "images_002/images/00000002_000.png",
)
LISTS = {
    "train_val_list.txt": "00000001_000.png\n00000001_001.png",
    "test_list.txt": "00000002_000.png\n",
    "Data_Entry_2017.csv": TABLE,
}


def test_it_reads_on_as_both_tasks_that_ship(tree, tmp_path):
    found = read_layout("nih-chestxray14", tree(*IMAGES, files=LISTS))
    write_manifest(found.rows, tmp_path / "manifest.csv")
    rows = read_manifest(tmp_path / "manifest.csv", load_task("chest_xray_findings")).rows
    assert [row.findings for row in rows] == [(0, 1, 0, 0), (0, 1, 1, 0), (0, 0, 0, 0)]
    assert [(row.patient_id, row.sex, row.view, row.split) for row in rows] == [
        ("1", "M", "PA", ""),
        ("1", "M", "AP", ""),
        ("2", "F", "PA", ""),
    ]
    labels = [row.label for row in read_manifest(tmp_path / "manifest.csv", load_task("chest_xray_abnormal")).rows]
    assert labels == ["abnormal", "abnormal", "normal"]


def test_an_age_of_centuries_is_left_empty_and_counted(tree):
    found = nih_chestxray14(tree(*IMAGES, files=LISTS))
    assert [row["age"] for row in found.rows] == ["58", "58", ""]
    assert found.notes == ("1 ages are beyond any person's and are left empty",)


def test_every_finding_has_a_column_even_if_no_film_has_it(tree):
    (row, *_) = nih_chestxray14(tree(*IMAGES, files=LISTS)).rows
    assert len([name for name, value in row.items() if value == "0"]) == 13
    assert row["Pleural_Thickening"] == "0" and row["Cardiomegaly"] == "1"


def test_the_published_split_is_that_of_the_lists_and_by_patient(tree):
    unlisted = TABLE + "00000003_000.png,Mass,0,3,5,F,PA,1,1,0.1,0.1,\n"
    folder = tree(*IMAGES, "images_012/images/00000003_000.png", files=LISTS | {"Data_Entry_2017.csv": unlisted})
    found = nih_chestxray14(folder, official_split=True)
    assert [row["split"] for row in found.rows] == ["train", "train", "test"]
    assert "1 films are in neither list and are left out" in found.notes


def test_the_later_table_and_one_folder_of_images_are_read_too(tree):
    later = TABLE.replace("Patient Gender", "Patient Sex")
    names = (f"images/{name.rsplit('/', 1)[1]}" for name in IMAGES)
    found = read_layout("nih-chestxray14", tree(*names, files={"Data_Entry_2017_v2020.csv": later}))
    assert [row["sex"] for row in found.rows] == ["M", "M", "F"]


def test_the_lists_are_asked_for_when_they_are_not_there(tree):
    with pytest.raises(ManifestError, match=r"needs train_val_list\.txt"):
        nih_chestxray14(tree(*IMAGES, files={"Data_Entry_2017.csv": TABLE}), official_split=True)


def test_a_finding_of_another_set_is_refused(tree):
    other = TABLE.replace("No Finding", "Aortic enlargement")
    with pytest.raises(ManifestError, match="'Aortic enlargement'"):
        nih_chestxray14(tree(*IMAGES, files={"Data_Entry_2017.csv": other}))


def test_a_part_of_the_images_is_missing_until_that_is_allowed(tree):
    folder = tree(*IMAGES[:2], files=LISTS)
    with pytest.raises(ManifestError, match=r"1 of 3 images .*--allow-missing"):
        read_layout("nih-chestxray14", folder)
    assert len(read_layout("nih-chestxray14", folder, allow_missing=True).rows) == 2
