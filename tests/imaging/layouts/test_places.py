from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.places import files_below, folder_with, what_is_in


def test_a_folder_is_found_below_the_given_one_and_the_shallowest_counts(tree):
    folder = tree("down/set/t.csv", "down/set/set/t.csv")
    assert folder_with(folder, "t*.csv", layout="any") == folder / "down" / "set"


def test_two_folders_at_one_depth_are_ambiguous(tree):
    with pytest.raises(ManifestError, match=r"2 folders have t\.csv"):
        folder_with(tree("a/t.csv", "b/t.csv"), "t.csv", layout="any")


def test_another_folder_is_described_by_kinds_and_not_by_names(tree):
    with pytest.raises(ManifestError) as caught:
        folder_with(tree("DOE_JANE/a.dcm", "DOE_JANE.dcm", "DOE_JOHN.dcm", "x"), "t.csv", layout="kermany")
    (problem,) = caught.value.problems
    assert "found 2 *.dcm, 1 file without a suffix, 1 folder." in problem
    assert "--about kermany" in problem and "DOE" not in problem


def test_what_is_in_says_when_it_is_no_folder(tree, tmp_path):
    folder = tree("a.csv")
    assert what_is_in(folder / "a.csv") == "a single file"
    assert what_is_in(folder / "b.csv") == "nothing of that name"


def test_files_of_macos_are_passed_over_and_equal_names_counted(tree):
    folder = tree("a/1.PNG", "b/1.PNG", "b/2.png", "b/3.txt", "__MACOSX/a/._1.PNG", "a/._4.png")
    files = files_below(folder, ".png")
    assert files.by_name == {"1.PNG": f"{folder}/a/1.PNG", "2.png": f"{folder}/b/2.png"}
    assert files.by_stem() == {"1": f"{folder}/a/1.PNG", "2": f"{folder}/b/2.png"}
    assert files.repeated == 1
