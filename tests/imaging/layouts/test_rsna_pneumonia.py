from __future__ import annotations

import json

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.rsna_pneumonia import rsna_pneumonia
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

A, B, C = (
    "0004cfab-14fd-4e49-80ba-63a80b6bddd6",
    "00436515-870c-4b36-a041-de91049b9ab4",
    "00aecb01-a116-45a2-956c-08d2fa55433f",
)
LABELS = f"""patientId,x,y,width,height,Target
{A},,,,,0
{B},264.0,152.0,213.0,379.0,1
{B},562.0,152.0,256.0,453.0,1
{C},,,,,0
"""
CLASSES = f"""patientId,class
{A},No Lung Opacity / Not Normal
{B},Lung Opacity
{B},Lung Opacity
{C},Normal
"""
TABLES = {"stage_2_train_labels.csv": LABELS, "stage_2_detailed_class_info.csv": CLASSES}
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
IMAGES = tuple(f"stage_2_train_images/{name}.dcm" for name in (A, B, C))


def test_a_film_with_two_boxes_is_one_row_and_reads_on(tree, tmp_path, chest_task):
    write_manifest(read_layout("rsna-pneumonia", tree(*IMAGES, files=TABLES)).rows, tmp_path / "manifest.csv")
    labels = chest_task.labels.model_copy(update={"names": ("no pneumonia", "pneumonia")})
    rows = read_manifest(tmp_path / "manifest.csv", chest_task.model_copy(update={"labels": labels})).rows
    assert [row.label for row in rows] == ["no pneumonia", "pneumonia", "no pneumonia"]


def test_classes_say_who_is_healthy(tree):
    rows = rsna_pneumonia(tree(*IMAGES, files=TABLES)).rows
    assert [row["class"] for row in rows] == ["No Lung Opacity / Not Normal", "Lung Opacity", "Normal"]
    rows = rsna_pneumonia(tree(*IMAGES, files={"stage_2_detailed_class_info.csv": CLASSES})).rows
    assert len(rows) == 3


def test_without_the_mapping_each_film_is_a_patient_and_that_is_said(tree):
    found = rsna_pneumonia(tree(*IMAGES, files=TABLES))
    assert [row["patient_id"] for row in found.rows] == [A, B, C]
    assert "people with several films may leak" in found.notes[0]


def test_the_mapping_gives_the_patient_of_chestxray14(tree):
    mapping = [{"img_id": f"0000012{end}", "subset_img_id": name} for name, end in ((A, "3_000.png"), (B, "3_001.png"))]
    found = rsna_pneumonia(tree(*IMAGES, files=TABLES | {MAPPING: json.dumps(mapping)}))
    assert [row["patient_id"] for row in found.rows] == ["123", "123", C]
    assert found.notes == (f"1 films are not in {MAPPING} and count as patients of their own",)


@pytest.mark.parametrize("text", ["{", "[{}]", "[1]"])
def test_a_mapping_of_another_form_is_refused(tree, text):
    with pytest.raises(ManifestError, match="subset_img_id"):
        rsna_pneumonia(tree(*IMAGES, files=TABLES | {MAPPING: text}))
