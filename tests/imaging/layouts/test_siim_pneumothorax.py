from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.siim_pneumothorax import siim_pneumothorax
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

ROOT = "1.2.276.0.7230010.3.1"
A, B, C, D = (f"{ROOT}.4.8323329.{number}.1517875161.30" for number in (1000, 10000, 10005, 12062))
TABLE = f"""ImageId, EncodedPixels
{A}, -1
{B},387620 23 996 33 986 43
{B},529388 1 1023 4
{C},-1
"""


def image(name, number, top="dicom-images-train"):
    return f"{top}/{ROOT}.2.8323329.{number}/{ROOT}.3.8323329.{number}/{name}.dcm"


def test_masks_become_one_label_a_film_and_read_on(tree, tmp_path, chest_task):
    folder = tree(image(A, 1), image(B, 2), image(C, 3), files={"train-rle.csv": TABLE})
    write_manifest(read_layout("siim-pneumothorax", folder).rows, tmp_path / "manifest.csv")
    labels = chest_task.labels.model_copy(update={"names": ("no pneumothorax", "pneumothorax")})
    rows = read_manifest(tmp_path / "manifest.csv", chest_task.model_copy(update={"labels": labels})).rows
    assert [row.label for row in rows] == ["no pneumothorax", "pneumothorax", "no pneumothorax"]
    assert rows[1].study_id == f"{ROOT}.2.8323329.2"
    assert [row.patient_id for row in rows] == [""] * 3  # the file's own


def test_files_without_a_row_and_files_that_are_there_twice_are_counted(tree):
    names = (image(A, 1), image(B, 2), image(C, 3), image(D, 4), image(A, 1, "sample/dicom-images-train"))
    found = siim_pneumothorax(tree(*names, files={"train-rle.csv": TABLE}))
    assert len(found.rows) == 3
    assert found.notes == (
        "1 files have no row and are left out",
        "1 files are there twice; the first is taken",
    )


def test_the_second_stage_table_and_flat_folders_are_read_too(tree):
    text = TABLE.replace("ImageId, ", "ImageId,") + f"{D},12 3\n"
    names = (f"train/{name}.dcm" for name in (A, B, C, D))
    found = siim_pneumothorax(tree(*names, files={"train-rle.csv": TABLE, "stage_2_train.csv": text}))
    assert [row["label"] == "pneumothorax" for row in found.rows] == [False, True, False, True]
    assert found.rows[0]["study_id"] == A


def test_another_folder_is_refused(tree):
    with pytest.raises(ManifestError, match=r"looked for stage_2_train\.csv or train-rle\.csv"):
        siim_pneumothorax(tree(image(A, 1)))
