from __future__ import annotations

import random
import shutil
import subprocess

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet

from data_schemas.errors import ManifestError
from imaging.layouts.dicomdir import dicomdir
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest


@pytest.fixture
def disc(tmp_path, dicom):
    """A file set of two patients, three studies and four images, as pydicom writes it."""
    files = FileSet()
    for number, (patient, study, series) in enumerate(
        [("A", "1.2.1", "1.2.1.1"), ("A", "1.2.1", "1.2.1.2"), ("A", "1.2.2", "1.2.2.1"), ("B", "1.2.3", "1.2.3.1")]
    ):
        source = tmp_path / f"{number}.dcm"
        elements = {"PatientID": patient, "StudyInstanceUID": study, "SeriesInstanceUID": series, "StudyID": "1"}
        dates = {"StudyDate": "20200101", "StudyTime": "120000", "SeriesNumber": 1, "InstanceNumber": number}
        source.write_bytes(dicom(np.zeros((4, 4), np.uint8), Modality="CR", PatientSex="F", **elements, **dates))
        dataset = dcmread(source)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.9.{number}"
        files.add(dataset)
    files.write(tmp_path / "disc")
    files._stage["t"].cleanup()  # pydicom leaves that to the garbage collector, which warns
    return tmp_path / "disc"


def test_references_are_followed_to_files_with_that_patient_and_study(disc):
    rows = read_layout("dicomdir", disc).rows
    assert len(rows) == 4
    for row in rows:
        dataset = dcmread(row["file"])
        assert (row["patient_id"], row["study_id"]) == (dataset.PatientID, dataset.StudyInstanceUID)
        assert (row["series_id"], row["modality"]) == (dataset.SeriesInstanceUID, "CR")


def test_a_copy_in_lower_case_is_found(disc, tmp_path):
    for path in sorted(disc.rglob("*"), reverse=True):
        path.rename(path.with_name(path.name.lower()))
    assert (disc / "dicomdir").is_file()
    found = read_layout("dicomdir", disc)
    assert len({row["file"] for row in found.rows}) == 4


def test_missing_files_are_counted(disc):
    next(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR").unlink()
    with pytest.raises(ManifestError, match="1 of 4 images"):
        read_layout("dicomdir", disc)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("patient_id,label\nA,NORMAL\nB,PNEUMONIA\n", {"A": "NORMAL", "B": "PNEUMONIA"}),
        ("study_instance_uid,label\n1.2.1,NORMAL\n1.2.2,NORMAL\n1.2.3,PNEUMONIA\n", {"A": "NORMAL", "B": "PNEUMONIA"}),
        ("sop_instance_uid,patient_id,label\n1.2.9.3,x,NORMAL\n", {"B": "NORMAL"}),
        ("series_instance_uid,label\n1.2.1.2,PNEUMONIA\n", {"A": "PNEUMONIA"}),
    ],
)
def test_labels_are_joined_and_it_reads_on(disc, tmp_path, chest_task, text, expected):
    (tmp_path / "labels.csv").write_text(text)
    found = read_layout("dicomdir", disc / "DICOMDIR", {"labels": tmp_path / "labels.csv"})
    write_manifest(found.rows, tmp_path / "manifest.csv")
    rows = read_manifest(tmp_path / "manifest.csv", chest_task).rows
    assert {row.patient_id: row.label for row in rows} == expected
    left_out = 4 - len(rows)
    assert any(f"{left_out} images have no row" in note for note in found.notes) == bool(left_out)


def test_labels_that_cannot_be_joined_are_refused(disc, tmp_path):
    (tmp_path / "labels.csv").write_text("name,label\nA,NORMAL\n")
    with pytest.raises(ManifestError, match="none of the columns sop_instance_uid"):
        dicomdir(disc, labels=tmp_path / "labels.csv")


def test_inactive_records_loops_and_paths_out_of_the_folder_are_passed_over(disc):
    path = disc / "DICOMDIR"
    directory = dcmread(path)
    images = [record for record in directory.DirectoryRecordSequence if record.DirectoryRecordType == "IMAGE"]
    images[0].RecordInUseFlag = 0
    images[1].OffsetOfTheNextDirectoryRecord = images[1].seq_item_tell
    images[2].DirectoryRecordType = "TOPIC"  # as long as IMAGE, so that no offset moves
    directory.save_as(path)
    here = images[3].ReferencedFileID
    path.write_bytes(path.read_bytes().replace("\\".join(here).encode(), b"..\\" + b"x" * (len("\\".join(here)) - 3)))
    found = dicomdir(disc)
    assert [bool(row["file"]) for row in found.rows] == [True, False]
    assert found.notes == ("1 records that are no images are left out",)


def test_what_is_no_dicomdir_is_refused(disc, tmp_path):
    with pytest.raises(ManifestError, match="looked for"):
        dicomdir(tmp_path / "disc" / "PT000000")
    (tmp_path / "DICOMDIR").write_bytes(b"x" * 200)
    with pytest.raises(ManifestError, match="cannot be read"):
        dicomdir(tmp_path / "DICOMDIR")


def test_damaged_directories_are_read_or_refused(disc):
    """Random bytes anywhere: never another error, and never more images than there are."""
    path = disc / "DICOMDIR"
    intact = path.read_bytes()
    draw = random.Random(20200101)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(intact)
        for _ in range(draw.choice((1, 4, 16))):
            damaged[draw.randrange(132, len(damaged))] = draw.randrange(256)
        path.write_bytes(damaged[: draw.choice((len(damaged), draw.randrange(132, len(damaged))))])
        try:
            outcomes.add(len(dicomdir(path).rows) <= 4)
        except ManifestError:
            outcomes.add("refused")
    assert outcomes == {True, "refused"}


def test_dcmtks_directory_is_read_too(disc, tmp_path):
    """DCMTK's dcmmkdir writes another order of records than pydicom."""
    if not shutil.which("dcmmkdir"):
        pytest.skip("dcmmkdir of DCMTK is not installed")
    (disc / "DICOMDIR").unlink()
    subprocess.run(["dcmmkdir", "--recurse", "--general-purpose", "+m", "+id", disc], cwd=disc, check=True)
    rows = read_layout("dicomdir", disc).rows
    assert sorted(row["patient_id"] for row in rows) == ["A", "A", "A", "B"]
