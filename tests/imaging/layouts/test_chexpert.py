from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.chexpert import OBSERVATIONS, chexpert
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
SMALL = "CheXpert-v1.0-small"
TRAIN = f"""{HEADER}
{SMALL}/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0
{SMALL}/train/patient00002/study2/view1_frontal.jpg,Unknown,87,Frontal,PA,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,
{SMALL}/train/patient00002/study2/view2_lateral.jpg,Female,87,Lateral,,,,-1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,
"""
VALID = f"""{HEADER}
{SMALL}/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
"""
IMAGES = (
    "train/patient00001/study1/view1_frontal.jpg",
    "train/patient00002/study2/view1_frontal.jpg",
    "train/patient00002/study2/view2_lateral.jpg",
    "valid/patient64541/study1/view1_frontal.jpg",
)


@pytest.fixture
def small(tree):
    tables = {f"{SMALL}/train.csv": TRAIN, f"{SMALL}/valid.csv": VALID}
    return tree(*(f"{SMALL}/{name}" for name in IMAGES), files=tables)


def test_it_reads_on_with_a_task_of_its_observations(small, tmp_path, findings_task):
    write_manifest(read_layout("chexpert", small).rows, tmp_path / "manifest.csv")
    labels = findings_task.labels.model_copy(update={"names": ("Cardiomegaly", "Pneumothorax", "Fracture")})
    task = findings_task.model_copy(update={"labels": labels})
    rows = read_manifest(tmp_path / "manifest.csv", task).rows
    assert [row.findings for row in rows] == [(-1, 0, -1), (-1, -1, 1), (-1, -1, 1), (0, 0, 0)]
    assert [row.sex for row in rows] == ["F", "", "F", "M"]
    assert [row.age_years for row in rows] == [68, 87, 87, 73]


def test_views_of_one_study_share_patient_and_study(small):
    rows = chexpert(small).rows
    assert [row["study_id"] for row in rows[1:3]] == ["patient00002-study2"] * 2
    assert [row["patient_id"] for row in rows] == ["patient00001", "patient00002", "patient00002", "patient64541"]
    assert [row["view"] for row in rows] == ["AP", "PA", "LATERAL", "AP"]


def test_uncertain_and_unmentioned_stay_apart_and_unknown(small):
    first, second, *_ = chexpert(small).rows
    assert (first["Edema"], second["Edema"], second["Lung Opacity"], first["Pneumothorax"]) == ("", "-1", "1", "0")


@pytest.mark.parametrize(("uncertain", "value"), [("present", "1"), ("absent", "0"), ("unknown", "-1")])
def test_uncertain_counts_as_one_says(small, uncertain, value):
    second = chexpert(small, uncertain=uncertain, unmentioned="absent").rows[1]
    assert second["Cardiomegaly"] == value
    assert second["Pneumothorax"] == "0"  # unmentioned


def test_valid_is_eval_in_the_published_split(small):
    assert [row["split"] for row in chexpert(small, official_split=True).rows] == ["train"] * 3 + ["eval"]


def test_the_batches_of_the_full_set_are_read_as_they_unpack(tree):
    full = (TRAIN.replace("-small", ""), VALID.replace("-small", ""))
    first = "CheXpert-v1.0 batch 1 (validate & csv)"
    folder = tree(
        "CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg",
        "CheXpert-v1.0 batch 3 (train 2)/patient00002/study2/view1_frontal.jpg",
        "CheXpert-v1.0 batch 3 (train 2)/patient00002/study2/view2_lateral.jpg",
        f"{first}/valid/patient64541/study1/view1_frontal.jpg",
        files={f"{first}/train.csv": full[0], f"{first}/valid.csv": full[1]},
    )
    rows = read_layout("chexpert", folder).rows
    assert rows[0]["file"] == f"{folder}/CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg"
    assert len(rows) == 4


def test_frontal_films_alone_are_kept_by_where(small):
    found = read_layout("chexpert", small, where={"view": ["AP", "PA"]})
    assert len(found.rows) == 3 and found.notes == ("1 images are left out by --where",)


def test_a_path_of_another_form_is_refused(tree):
    with pytest.raises(ManifestError, match="not of the form"):
        chexpert(tree(files={"train.csv": TRAIN.replace("patient00001", "someone")}))


def test_there_are_fourteen_observations_as_in_the_header():
    assert list(OBSERVATIONS) == HEADER.split(",")[5:]
