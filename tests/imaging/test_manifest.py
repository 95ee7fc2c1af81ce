from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from data_schemas.errors import ManifestError
from data_schemas.task import Task
from imaging.manifest import ManifestRow, private_copy, read_manifest


def write(folder: Path, text: str, *, files: int = 3) -> Path:
    for number in range(1, files + 1):
        (folder / f"{number}.png").write_bytes(b"image")
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path, task: Task) -> tuple[str, ...]:
    with pytest.raises(ManifestError) as caught:
        read_manifest(path, task)
    return caught.value.problems


def test_every_column_is_read(tmp_path: Path, chest_task: Task) -> None:
    header = "file,patient_id,study_id,label,sex,age,site,modality,view,manufacturer,split,consent,note"
    path = write(tmp_path, f"{header}\n1.png,P,S,NORMAL,f,018M,A,DX,PA,ACME,train,yes,kept out\n")
    manifest = read_manifest(path, chest_task)
    assert manifest.splits == ("train",)
    assert manifest.rows == (
        ManifestRow(
            row=1,
            file=tmp_path / "1.png",
            patient_id="P",
            study_id="S",
            site="A",
            label="NORMAL",
            sex="F",
            view="PA",
            modality="DX",
            manufacturer="ACME",
            age_years=1.5,
            split="train",
        ),
    )


def test_two_columns_are_enough(tmp_path: Path, chest_task: Task) -> None:
    manifest = read_manifest(write(tmp_path, "label,file\nNORMAL,1.png\nPNEUMONIA,2.png\n"), chest_task)
    assert [row.label for row in manifest.rows] == ["NORMAL", "PNEUMONIA"]
    assert [row.row for row in manifest.rows] == [1, 2]
    assert manifest.splits == ()


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_cells_parted_by_something_else_are_said_to_be(tmp_path: Path, chest_task: Task, mark: str, name: str) -> None:
    path = write(tmp_path, f"file{mark}label{mark}age\n1.png{mark}NORMAL{mark}1,5\n")
    assert problems(path, chest_task) == (f"its cells are parted by {name}: save it with commas, as `CSV UTF-8`",)


def test_a_bom_blank_lines_and_blanks_around_cells_do_no_harm(tmp_path: Path, chest_task: Task) -> None:
    path = write(tmp_path, "\ufefffile, label\n\n1.png , NORMAL\n\n")
    assert [row.label for row in read_manifest(path, chest_task).rows] == ["NORMAL"]


def test_an_absolute_path_stays(tmp_path: Path, chest_task: Task) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = write(tmp_path, f"file,label\n{tmp_path / '1.png'},NORMAL\n")
    assert read_manifest(path, chest_task).rows[0].file == tmp_path / "1.png"


def test_findings_are_in_the_tasks_order(tmp_path: Path, findings_task: Task) -> None:
    path = write(tmp_path, "file,Infiltration,Effusion,Cardiomegaly,Atelectasis\n1.png,1,0,,-1\n2.png,1.0,0.0,-1.0,1\n")
    # order of the task: Atelectasis, Cardiomegaly, Effusion, Infiltration
    assert [row.findings for row in read_manifest(path, findings_task).rows] == [(-1, -1, 0, 1), (1, -1, 0, 1)]


def test_columns_that_slices_name_are_kept(tmp_path: Path, chest_task: Task) -> None:
    task = chest_task.model_copy(update={"slices": (("ward",), ("sex",))})
    path = write(tmp_path, "file,label,ward\n1.png,NORMAL,ICU\n")
    assert read_manifest(path, task).rows[0].extra == {"ward": "ICU"}
    assert problems(write(tmp_path, "file,label\n1.png,NORMAL\n"), task) == (
        "column 'ward' is missing (the task's `slices` name it)",
    )


def test_missing_and_repeated_columns_are_all_listed(tmp_path: Path, findings_task: Task) -> None:
    found = problems(write(tmp_path, "Effusion,Effusion,Infiltration\n1,1,1\n"), findings_task)
    assert found == (
        "column 'Effusion' stands more than once; keep one",
        "column 'file' is missing (the path of each image)",
        "column 'Atelectasis' is missing (1, 0, or empty or -1 for unknown)",
        "column 'Cardiomegaly' is missing (1, 0, or empty or -1 for unknown)",
    )


def test_every_problem_of_every_row_is_in_one_report(tmp_path: Path, chest_task: Task) -> None:
    path = write(
        tmp_path,
        "file,label,patient_id,sex,age,split\n"
        "1.png,NORMAL,P,M,45,train\n"
        "2.png,HEALTHY,P,X,411Y,eval\n"
        "gone.png,NORMAL,Q,F,45,test\n"
        "./1.png,NORMAL,R,F,45,val\n"
        ",NORMAL,R,F,45,\n",
    )
    assert set(problems(path, chest_task)) == {
        "row 2: `age` is neither years (0 to 130) nor a DICOM age such as 045Y",
        "row 2: `label` is 'HEALTHY', which is not one of the labels NORMAL, PNEUMONIA",
        "row 2: `sex` must be M, F, O or empty",
        "row 3: `file` does not exist (a relative path starts at the manifest's folder)",
        "row 4: `split` is 'val'; it must be one of train, eval, calibration, test",
        "row 4: the same `file` stands in an earlier row; keep one",
        "row 5: `file` is empty",
        "row 5: `split` is empty while other rows have one; give all rows a split, or none",
        "rows 1, 2: one patient is in the splits eval and train; a patient has one split",
    }


def test_bad_findings_are_listed(tmp_path: Path, findings_task: Task) -> None:
    path = write(tmp_path, "file,Atelectasis,Cardiomegaly,Effusion,Infiltration\n1.png,2,0,yes,1\n")
    assert problems(path, findings_task) == (
        "row 1: `Atelectasis` is '2'; it must be 1, 0, or empty or -1 for unknown",
        "row 1: `Effusion` is 'yes'; it must be 1, 0, or empty or -1 for unknown",
    )


def test_a_long_list_of_rows_is_cut_and_counted(tmp_path: Path, chest_task: Task) -> None:
    rows = "".join(f"gone{number}.png,NORMAL\n" for number in range(1, 26))
    (found,) = problems(write(tmp_path, "file,label\n" + rows), chest_task)
    assert found.startswith("rows 1, 2, 3,")
    assert ", 20 and 5 more: `file` does not exist" in found


def test_no_patient_and_no_path_stands_in_a_report(tmp_path: Path, chest_task: Task) -> None:
    path = write(
        tmp_path, "file,label,patient_id,age,split\n1.png,NORMAL,DOE^J,19630412,eval\nDOE.dcm,X,DOE^J,1,test\n"
    )
    report = "\n".join(problems(path, chest_task))
    assert "DOE" not in report
    assert "19630412" not in report


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no rows"),
        (b"file,label\n", "no rows"),
        (b"file,label\n1.png\n", "row 1: another number of cells"),
        (b"file,label\n1.png,NORMAL,3\n", "row 1: another number of cells"),
        (b"file,label\n\xff\xfe,NORMAL\n", "not UTF-8"),
        (b'file,label\n"1.png,NORMAL\n', "not CSV"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, chest_task: Task, content: bytes, problem: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content)
    (found,) = problems(path, chest_task)
    assert problem in found


def test_a_missing_manifest_is_said(tmp_path: Path, chest_task: Task) -> None:
    (found,) = problems(tmp_path / "manifest.csv", chest_task)
    assert found == "it cannot be read: No such file or directory"


def test_the_fingerprint_follows_the_manifest_and_every_file(tmp_path: Path, chest_task: Task) -> None:
    path = write(tmp_path, "file,label\n1.png,NORMAL\n2.png,NORMAL\n")
    manifest = read_manifest(path, chest_task)
    first = manifest.fingerprint()
    assert manifest.fingerprint() == first
    os.utime(tmp_path / "2.png", ns=(1, 1))
    second = manifest.fingerprint()
    (tmp_path / "1.png").write_bytes(b"longer image")
    os.utime(tmp_path / "1.png", ns=(1, 1))
    third = manifest.fingerprint()
    path.write_text(path.read_text() + "\n")
    assert len({first, second, third, manifest.fingerprint()}) == 4


def test_a_row_can_be_pickled(tmp_path: Path) -> None:
    row = ManifestRow(row=1, file=tmp_path, findings=(1, 0), extra={"ward": "ICU"})
    assert pickle.loads(pickle.dumps(row)) == row


CONSENT = "file,label,consent\n1.png,NORMAL,yes\n2.png,NORMAL,\n3.png,NORMAL,no\n1.png,NORMAL,unsure\n"


def test_required_consent_leaves_out_all_but_yes(tmp_path: Path, chest_task: Task) -> None:
    task = chest_task.model_copy(update={"consent": "required"})
    manifest = read_manifest(write(tmp_path, CONSENT.replace("yes", "Yes")), task)
    assert [row.row for row in manifest.rows] == [1]
    assert manifest.without_consent == 3


def test_a_row_without_consent_is_not_looked_at(tmp_path: Path, chest_task: Task) -> None:
    task = chest_task.model_copy(update={"consent": "required"})
    text = "file,label,consent\n1.png,NORMAL,yes\ngone.png,NONSENSE,no\n"
    assert len(read_manifest(write(tmp_path, text), task).rows) == 1


def test_waived_consent_heeds_a_plain_no(tmp_path: Path, chest_task: Task) -> None:
    manifest = read_manifest(write(tmp_path, CONSENT.replace("1.png,NORMAL,unsure\n", "")), chest_task)
    assert [row.row for row in manifest.rows] == [1, 2]


def test_required_consent_without_its_column_or_without_a_yes_stops(tmp_path: Path, chest_task: Task) -> None:
    task = chest_task.model_copy(update={"consent": "required"})
    assert "column 'consent' is missing" in problems(write(tmp_path, "file,label\n1.png,NORMAL\n"), task)[0]
    assert "no row has consent" in problems(write(tmp_path, "file,label,consent\n1.png,NORMAL,y\n"), task)[0]


def test_a_private_copy_has_absolute_paths_and_reads_the_same(tmp_path: Path, chest_task: Task) -> None:
    manifest = read_manifest(write(tmp_path, "file,label,patient_id\n1.png,NORMAL,P\n2.png,PNEUMONIA,Q\n"), chest_task)
    copy = private_copy(manifest, tmp_path / "private")
    assert read_manifest(copy, chest_task).rows == manifest.rows
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before = copy.stat().st_mtime_ns
    assert private_copy(manifest, tmp_path / "private") == copy and copy.stat().st_mtime_ns == before
