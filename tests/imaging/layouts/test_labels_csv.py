from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ManifestError
from data_schemas.task_file import load_task
from imaging.layouts.labels_csv import labels_csv
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

DATA = Path(__file__).parents[3] / ".." / "shared" / "data"


def test_findings_become_columns_of_1_and_0(tree):
    text = "file,finding_labels\na.png,Nodule|Edema\nb.png,No Finding\nc.png,Edema\n"
    rows = labels_csv(tree("images/a.png", "images/b.png", "images/c.png", files={"labels.csv": text})).rows
    assert [(row["Edema"], row["Nodule"]) for row in rows] == [("1", "1"), ("0", "0"), ("1", "0")]
    assert list(rows[0]) == ["file", "Edema", "Nodule"]


def test_columns_are_renamed_and_suggested_splits_left_out(tree):
    text = "file,dicom_age,study_uid,suggested_split,csv_age\na.dcm,060Y,1.2,val,9\n"
    folder = tree("dicom/a.dcm", files={"labels.csv": text})
    assert labels_csv(folder).rows == [{"file": f"{folder}/dicom/a.dcm", "age": "060Y", "study_id": "1.2"}]


def test_an_age_that_nobody_has_is_left_empty(tree):
    folder = tree("images/a.png", "images/b.png", files={"labels.csv": "file,age\na.png,411\nb.png,41\n"})
    assert [row["age"] for row in labels_csv(folder).rows] == ["", "41"]


@pytest.mark.parametrize("text", ["", "label\nNORMAL\n"])
def test_a_table_without_files_is_refused(tree, text):
    with pytest.raises(ManifestError, match="no column file"):
        labels_csv(tree(files={"labels.csv": text}))


def test_a_folder_without_a_table_is_refused(tree):
    with pytest.raises(ManifestError, match=r"looked for labels\.csv .* found 1 \*\.png"):
        labels_csv(tree("a.png"))


@pytest.mark.parametrize(
    ("task", "name", "images", "patients"),
    [
        ("chest_xray_pneumonia", "kermany-cxr-pneumonia", 5232, 3669),
        ("chest_xray_pneumonia_type", "kermany-cxr-pneumonia", 5232, 3669),
        ("chest_xray_abnormal", "nih1000-cxr-abnormal", 699, 198),
        ("chest_xray_findings", "nih1000-cxr-abnormal", 699, 198),
        ("ct_contrast", "ct-contrast-dicom", 65, 36),
    ],
)
def test_the_public_sets_make_manifests_that_their_tasks_read(tmp_path, task, name, images, patients):
    if not (DATA / name).is_dir():
        pytest.skip(f"the public data set {name} is not beside the project, in ../shared/data")
    write_manifest(read_layout("labels-csv", DATA / name).rows, tmp_path / "manifest.csv")
    rows = read_manifest(tmp_path / "manifest.csv", load_task(task)).rows
    assert len(rows) == images
    assert len({row.patient_id for row in rows}) == patients
