from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.folder_per_class import folder_per_class
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest


def test_the_folder_is_the_label_at_any_depth_and_reads_on(tree, tmp_path, chest_task):
    folder = tree("NORMAL/a.png", "NORMAL/more/a.png", "PNEUMONIA/b.JPG", "PNEUMONIA/notes.txt", "readme.md")
    write_manifest(read_layout("folder-per-class", folder).rows, tmp_path / "manifest.csv")
    rows = read_manifest(tmp_path / "manifest.csv", chest_task).rows
    assert [row.label for row in rows] == ["NORMAL", "NORMAL", "PNEUMONIA"]
    assert [row.study_id for row in rows] == ["NORMAL/a.png", "NORMAL/more/a.png", "PNEUMONIA/b.JPG"]


def test_that_there_are_no_patients_is_said_and_a_dicom_speaks_for_itself(tree):
    found = folder_per_class(tree("a/1.png", "b/2.dcm"))
    assert [(row["patient_id"], row["study_id"]) for row in found.rows] == [("", "a/1.png"), ("", "")]
    assert found.notes == ("1 images have no patient id: each is a study of its own, see --patient",)


@pytest.mark.parametrize("pattern", ["^[^_]+", r"^(\w+?)_", r"^(?P<patient>p\d)(_)"])
def test_a_pattern_gives_the_patient(tree, pattern):
    found = folder_per_class(tree("a/p1_1.png", "a/p2_1.dcm", "b/p1_2.png"), patient=pattern)
    assert [row["patient_id"] for row in found.rows] == ["p1", "p2", "p1"]
    assert found.notes == ()


@pytest.mark.parametrize(("pattern", "said"), [("(", "no regular expression"), (r"^p(\d)", "does not match 1 of 3")])
def test_a_pattern_that_is_none_or_does_not_fit_is_refused(tree, pattern, said):
    with pytest.raises(ManifestError, match=said):
        folder_per_class(tree("a/p1.png", "a/x1.png", "b/p2.png"), patient=pattern)


def test_parts_are_joined_unless_their_split_is_asked_for(tree):
    folder = tree("train/a/1.png", "train/b/2.png", "Validation/a/3.png", "test/b/4.png")
    assert "split" not in folder_per_class(folder).rows[0]
    rows = folder_per_class(folder, official_split=True).rows
    assert sorted((row["split"], row["label"]) for row in rows) == [
        ("eval", "a"),
        ("test", "b"),
        ("train", "a"),
        ("train", "b"),
    ]


def test_a_patient_in_two_parts_stays_in_one(tree):
    folder = tree("train/a/p1_1.png", "train/b/p2_1.png", "test/a/p1_2.png")
    found = read_layout("folder-per-class", folder, {"official_split": True, "patient": "^[^_]+"})
    assert [(row["patient_id"], row["split"]) for row in found.rows] == [("p1", "test"), ("p2", "train")]


@pytest.mark.parametrize("names", [("a/1.png",), ("1.png", "2.png"), ("a/1.txt", "b/2.txt")])
def test_what_has_no_two_labels_is_refused(tree, names):
    with pytest.raises(ManifestError, match="two or more folders"):
        folder_per_class(tree(*names))


def test_folders_that_are_splits_beside_others_are_refused(tree):
    with pytest.raises(ManifestError, match=r"are splits .* and others are not"):
        folder_per_class(tree("train/a/1.png", "a/1.png", "b/1.png"))
