from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.table import read_layout
from imaging.layouts.vindr_cxr import vindr_cxr
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

A, B, T = "000434271f63a053c4128a0ba6352c7f", "00053190460d56c53cc3e57321387478", "002a34c58c5b758217ed1f584ccbcfe9"
TRAIN = f"""image_id,rad_id,Aortic enlargement,Cardiomegaly,Other diseases,No finding
{A},R6,0,1,0,0
{A},R2,0,1,1,0
{A},R3,0,0,0,1
{B},R1,0,0,0,1
{B},R7,0,0,0,1
{B},R10,0,0,0,1
"""
TEST = f"""image_id,Aortic enlargement,Cardiomegaly,Other disease,No finding
{T},1.0,0.0,1.0,0.0
"""
TABLES = {"annotations/image_labels_train.csv": TRAIN, "annotations/image_labels_test.csv": TEST}
IMAGES = (f"train/{A}.dicom", f"train/{B}.dicom", f"test/{T}.dicom")


def findings(found, *names):
    return [tuple(row[name] for name in names) for row in found.rows]


def test_two_of_three_readers_decide_and_it_reads_on(tree, tmp_path, findings_task):
    found = read_layout("vindr-cxr", tree(*IMAGES, files=TABLES))
    write_manifest(found.rows, tmp_path / "manifest.csv")
    labels = findings_task.labels.model_copy(update={"names": ("Cardiomegaly", "Other diseases", "No finding")})
    rows = read_manifest(tmp_path / "manifest.csv", findings_task.model_copy(update={"labels": labels})).rows
    assert [row.findings for row in rows] == [(1, 0, 0), (0, 0, 1), (0, 1, 0)]
    assert [(row.patient_id, row.study_id) for row in rows] == [("", A), ("", B), ("", T)]


@pytest.mark.parametrize(
    ("readers", "expected"),
    [("majority", ("0", "1", "0", "0")), ("any", ("0", "1", "1", "1")), ("agreed", ("0", "-1", "-1", "-1"))],
)
def test_readers_are_joined_as_one_says(tree, readers, expected):
    found = vindr_cxr(tree(*IMAGES, files=TABLES), readers=readers)
    names = ("Aortic enlargement", "Cardiomegaly", "Other diseases", "No finding")
    assert findings(found, *names)[0] == expected
    assert findings(found, *names)[2] == ("1", "0", "1", "0")  # the consensus of the test set


def test_the_published_split_has_no_eval(tree):
    found = vindr_cxr(tree(*IMAGES, files=TABLES), official_split=True)
    assert [row["split"] for row in found.rows] == ["train", "train", "test"]


def test_boxes_tell_the_findings_where_there_are_no_labels(tree):
    boxes = f"""image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max
{A},Cardiomegaly,3,R6,691.0,1375.0,1653.0,1831.0
{A},Cardiomegaly,3,R2,691.0,1375.0,1653.0,1831.0
{A},Cardiomegaly,3,R2,1.0,2.0,3.0,4.0
{A},No finding,14,R3,,,,
{B},No finding,14,R1,,,,
"""
    found = vindr_cxr(tree(*IMAGES, files={"train.csv": boxes}))
    assert findings(found, "Cardiomegaly", "No finding") == [("1", "0"), ("0", "1")]


def test_a_reader_who_says_something_else_is_refused(tree):
    with pytest.raises(ManifestError, match="neither 0 nor 1"):
        vindr_cxr(tree(*IMAGES, files={"image_labels_train.csv": TRAIN.replace("R6,0,1", "R6,2,1")}))


def test_another_folder_is_refused(tree):
    with pytest.raises(ManifestError, match=r"looked for image_labels_train\.csv"):
        vindr_cxr(tree(*IMAGES))
