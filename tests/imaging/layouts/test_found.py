from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, matching, present, without_leaks


def test_missing_files_are_counted(tmp_path):
    found = Found([{"file": "/a.png"}, {"file": ""}, {"file": ""}])
    with pytest.raises(ManifestError, match="2 of 3 images"):
        present(found, allow_missing=False, layout="any")


def test_missing_files_are_left_out_where_that_is_allowed():
    found = present(Found([{"file": "/a.png"}, {"file": ""}], ("before",)), allow_missing=True, layout="any")
    assert found == Found([{"file": "/a.png"}], ("before", "1 of 2 images are not there and are left out"))


@pytest.mark.parametrize("rows", [[], [{"file": ""}]])
def test_nothing_at_all_is_an_error_even_then(rows):
    with pytest.raises(ManifestError, match="is this the folder"):
        present(Found(rows), allow_missing=True, layout="any")


def test_a_patient_in_two_splits_stays_in_the_one_that_judges():
    rows = [
        {"file": "1", "patient_id": "A", "split": "train"},
        {"file": "2", "patient_id": "A", "split": "test"},
        {"file": "3", "patient_id": "B", "split": "train"},
        {"file": "4", "patient_id": "C", "split": "eval"},
        {"file": "5", "patient_id": "C", "split": "train"},
        {"file": "6", "patient_id": "", "split": "train"},
        {"file": "7", "patient_id": "", "split": "test"},
    ]
    found = without_leaks(Found(rows))
    assert [row["file"] for row in found.rows] == ["2", "3", "4", "6", "7"]
    assert found.notes == ("2 images are left out: the published split has their patients in a later split too",)


def test_rows_without_a_split_stay_as_they_are():
    found = Found([{"file": "1", "patient_id": "A"}, {"file": "2", "patient_id": "A"}])
    assert without_leaks(found) == found


def test_where_keeps_rows_that_have_one_of_the_values_in_each_column():
    found = Found([{"view": view, "sex": sex} for view in ("AP", "PA", "LATERAL") for sex in "FM"])
    kept = matching(found, {"view": ["AP", "PA"], "sex": ["F"]}, layout="any")
    assert kept == Found(
        [{"view": "AP", "sex": "F"}, {"view": "PA", "sex": "F"}], ("4 images are left out by --where",)
    )


@pytest.mark.parametrize(("where", "said"), [({"vew": ["AP"]}, "'vew'; there are view"), ({"view": ["x"]}, "no image")])
def test_where_that_leaves_nothing_is_refused(where, said):
    with pytest.raises(ManifestError, match=said):
        matching(Found([{"view": "AP"}]), where, layout="any")
