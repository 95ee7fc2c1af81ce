from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.cbis_ddsm import cbis_ddsm
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

MASS = (
    "patient_id,breast_density,left or right breast,image view,abnormality id,abnormality type,mass shape,"
    "mass margins,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"
)
CALC = (
    "patient_id,breast density,left or right breast,image view,abnormality id,abnormality type,calc type,"
    "calc distribution,assessment,pathology,subtlety,image file path,cropped image file path,ROI mask file path"
)
UID = "1.3.6.1.4.1.9590.100.1.2"


def row(case, number, pathology, *, abnormality="mass", density="3"):
    """Returns a table's row: paths name UIDs of study and series, the crop's and the mask's have a line break."""
    _, patient, number_of_patient, side, view = case.split("_")
    series = f"{UID}.{sum(map(ord, case))}"
    roi = f'"{case}_{number}/{UID}.7/{UID}.8/00000{number}.dcm\n"'
    return (
        f"{patient}_{number_of_patient},{density},{side},{view},{number},{abnormality},IRREGULAR,SPICULATED,4,"
        f"{pathology},4,{case}/{UID}.5/{series}/000000.dcm,{roi},{roi}"
    )


def table(header, *rows):
    return "\n".join([header, *rows]) + "\n"


ONE, TWO, OTHER, CALCS = (
    "Mass-Training_P_00001_LEFT_CC",
    "Mass-Training_P_00001_LEFT_MLO",
    "Mass-Test_P_00016_RIGHT_CC",
    "Calc-Test_P_00001_LEFT_CC",
)
TABLES = {
    "mass_case_description_train_set.csv": table(
        MASS, row(ONE, 1, "BENIGN"), row(ONE, 2, "MALIGNANT"), row(TWO, 1, "BENIGN_WITHOUT_CALLBACK")
    ),
    "mass_case_description_test_set.csv": table(MASS, row(OTHER, 1, "BENIGN", density="2")),
    "calc_case_description_train_set.csv": table(CALC, row("Calc-Training_P_00005_RIGHT_CC", 1, "MALIGNANT")),
    "calc_case_description_test_set.csv": table(CALC, row(CALCS, 1, "MALIGNANT", abnormality="calcification")),
}
CASES = (ONE, TWO, OTHER, "Calc-Training_P_00005_RIGHT_CC", CALCS)


def retrieved(case):
    """Returns the files of a case as the NBIA Data Retriever names them: none of it stands in the tables."""
    return (
        f"CBIS-DDSM/{case}/07-20-2016-DDSM-NA-74994/1.000000-full mammogram images-24515/1-1.dcm",
        f"CBIS-DDSM/{case}_1/07-20-2016-DDSM-NA-30288/1.000000-ROI mask images-18515/1-1.dcm",
        f"CBIS-DDSM/{case}_1/07-20-2016-DDSM-NA-30288/1.000000-ROI mask images-18515/1-2.dcm",
    )


@pytest.fixture
def folder(tree):
    return tree(*(name for case in CASES for name in retrieved(case)), files=TABLES)


def test_images_are_found_where_the_retriever_put_them_and_read_on(folder, tmp_path, chest_task):
    found = read_layout("cbis-ddsm", folder)
    write_manifest(found.rows, tmp_path / "manifest.csv")
    labels = chest_task.labels.model_copy(update={"names": ("BENIGN", "MALIGNANT"), "no_finding": None})
    rows = read_manifest(tmp_path / "manifest.csv", chest_task.model_copy(update={"labels": labels})).rows
    assert [row.label for row in rows] == ["MALIGNANT", "BENIGN", "BENIGN", "MALIGNANT", "MALIGNANT"]
    assert [row.view for row in rows] == ["CC", "MLO", "CC", "CC", "CC"]
    assert all("full mammogram images" in str(row.file) for row in rows)


def test_two_abnormalities_of_one_image_are_one_row_with_the_worst(folder):
    found = cbis_ddsm(folder)
    assert [row["pathology"] for row in found.rows[:2]] == ["MALIGNANT", "BENIGN_WITHOUT_CALLBACK"]
    assert [row["breast_density"] for row in found.rows] == ["3", "3", "2", "3", "3"]


def test_the_patient_is_the_woman_and_not_the_view(folder):
    assert [row["patient_id"] for row in cbis_ddsm(folder).rows] == [
        "P_00001",
        "P_00001",
        "P_00016",
        "P_00005",
        "P_00001",
    ]


def test_a_woman_in_train_of_masses_and_test_of_calcifications_leaks_into_neither(folder):
    found = read_layout("cbis-ddsm", folder, {"official_split": True})
    assert [(row["patient_id"], row["split"]) for row in found.rows] == [
        ("P_00016", "test"),
        ("P_00005", "train"),
        ("P_00001", "test"),
    ]
    assert "2 images are left out" in found.notes[0]


def test_kaggles_folders_are_named_by_the_series(tree):
    series = f"{UID}.{sum(map(ord, ONE))}"
    text = table(MASS, row(ONE, 1, "BENIGN"))
    folder = tree(f"jpeg/{series}/1-249.jpg", files={"csv/mass_case_description_train_set.csv": text})
    found = cbis_ddsm(folder)
    assert found.rows[0]["file"] == f"{folder}/jpeg/{series}/1-249.jpg"
    assert found.notes[0].startswith("3 of the four tables are not there: mass_case_description_test_set.csv")


def test_a_case_with_two_images_is_not_guessed_at(tree):
    text = table(MASS, row(ONE, 1, "BENIGN"))
    folder = tree(f"{ONE}/a/1-1.dcm", f"{ONE}/b/1-1.dcm", files={"mass_case_description_train_set.csv": text})
    assert cbis_ddsm(folder).rows[0]["file"] == ""


def test_a_pathology_of_another_set_is_refused(tree):
    text = table(MASS, row(ONE, 1, "UNPROVEN"))
    with pytest.raises(ManifestError, match="`pathology` is none of"):
        cbis_ddsm(tree(*retrieved(ONE), files={"mass_case_description_train_set.csv": text}))


def test_another_folder_is_refused(tree):
    with pytest.raises(ManifestError, match="or another of the four tables"):
        cbis_ddsm(tree(*retrieved(ONE)))
