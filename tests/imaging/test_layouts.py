from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ManifestError
from data_schemas.task_file import load_task
from imaging.layouts import labels_csv, write_manifest
from imaging.manifest import read_manifest

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"


def folder(tmp_path: Path, text: str, *names: str, images: str = "images") -> Path:
    (tmp_path / images).mkdir()
    for name in names:
        (tmp_path / images / name).write_bytes(b"image")
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    return tmp_path


def test_findings_become_columns_of_1_and_0(tmp_path: Path) -> None:
    text = "file,finding_labels\na.png,Nodule|Edema\nb.png,No Finding\nc.png,Edema\n"
    rows = labels_csv(folder(tmp_path, text, "a.png", "b.png", "c.png"))
    assert [(row["Edema"], row["Nodule"]) for row in rows] == [("1", "1"), ("0", "0"), ("1", "0")]
    assert list(rows[0]) == ["file", "Edema", "Nodule"]


def test_columns_are_renamed_and_suggested_splits_left_out(tmp_path: Path) -> None:
    text = "file,dicom_age,study_uid,suggested_split,csv_age\na.dcm,060Y,1.2,val,9\n"
    (row,) = labels_csv(folder(tmp_path, text, "a.dcm", images="dicom"))
    assert row == {"file": str(tmp_path / "dicom" / "a.dcm"), "age": "060Y", "study_id": "1.2"}


def test_an_age_that_nobody_has_is_left_empty(tmp_path: Path) -> None:
    rows = labels_csv(folder(tmp_path, "file,age\na.png,411\nb.png,41\n", "a.png", "b.png"))
    assert [row["age"] for row in rows] == ["", "41"]


def test_missing_files_are_counted(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="1 of 2 files"):
        labels_csv(folder(tmp_path, "file\na.png\nb.png\n", "a.png"))


@pytest.mark.parametrize("text", ["", "label\nNORMAL\n"])
def test_a_table_without_files_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError, match="no column `file`"):
        labels_csv(folder(tmp_path, text))


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="none that can be read"):
        labels_csv(tmp_path)


def test_paths_below_the_manifest_are_relative_and_others_absolute(tmp_path: Path) -> None:
    rows = [{"file": str(tmp_path / "in" / "images" / "a.png")}, {"file": str(tmp_path / "b.png")}]
    (tmp_path / "in").mkdir()
    write_manifest(rows, tmp_path / "in" / "manifest.csv")
    assert (tmp_path / "in" / "manifest.csv").read_text() == f"file\nimages/a.png\n{tmp_path / 'b.png'}\n"


def test_a_manifest_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be written"):
        write_manifest([{"file": "a"}], tmp_path / "missing" / "manifest.csv")


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
def test_the_public_sets_make_manifests_that_their_tasks_read(
    tmp_path: Path, task: str, name: str, images: int, patients: int
) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"the public data set {name} is not beside the project, in ../shared/data")
    write_manifest(labels_csv(DATA / name), tmp_path / "manifest.csv")
    rows = read_manifest(tmp_path / "manifest.csv", load_task(task)).rows
    assert len(rows) == images
    assert len({row.patient_id for row in rows}) == patients
