from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.any_csv import any_csv
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

NAMES = {"file": "Image", "patient_id": "PatientId", "label": "Dx"}


def test_columns_are_renamed_and_read_on(tree, tmp_path, chest_task):
    text = "Dx;Image;PatientId;sex;age;Device\nNORMAL;1;7;Female;41;X\nPNEUMONIA;2;8;unknown;412;X\n"
    folder = tree("films/1.png", "films/2.png", files={"table.csv": text})
    options = {"column": NAMES, "images": folder / "films", "suffix": ".png"}
    write_manifest(read_layout("csv", folder, options).rows, tmp_path / "manifest.csv")
    assert (
        (tmp_path / "manifest.csv").read_text().startswith("file,patient_id,label,sex,age,Device\nset/films/1.png,7,")
    )
    rows = read_manifest(tmp_path / "manifest.csv", chest_task).rows
    assert [(row.label, row.patient_id, row.sex, row.age_years) for row in rows] == [
        ("NORMAL", "7", "F", 41.0),
        ("PNEUMONIA", "8", "", None),
    ]


def test_one_column_may_be_two_of_ours(tree):
    folder = tree("1.png", files={"t.csv": "file,ID\n1.png,7\n"})
    rows = any_csv(folder / "t.csv", column={"patient_id": "ID", "study_id": "ID"}).rows
    assert rows == [{"file": f"{folder}/1.png", "patient_id": "7", "study_id": "7"}]


def test_absolute_paths_stay_and_missing_files_are_empty(tree):
    folder = tree("1.png")
    (folder / "t.csv").write_text(f"file\n{folder}/1.png\n2.png\n\n")
    assert [row["file"] for row in any_csv(folder).rows] == [f"{folder}/1.png", ""]


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("Image,Dx\n1.png,a\n", {}, "no column is `file`; the table has Image, Dx"),
        ("file,Dx\n1.png,a\n", {"label": "dx"}, "has no column dx"),
        ("file,label,Dx\n1.png,a,b\n", {"label": "Dx"}, "a column 'label' already"),
        ("file,x\n1.png,a\n", {"label": "file"}, "no column is `file`"),
    ],
)
def test_columns_that_do_not_fit_are_refused(tree, text, column, said):
    with pytest.raises(ManifestError, match=said):
        any_csv(tree("1.png", files={"t.csv": text}), column=column)


def test_two_tables_are_ambiguous(tree):
    with pytest.raises(ManifestError, match=r"looked for one CSV file .*found 2 \*\.csv"):
        any_csv(tree("a.csv", "b.csv"))
