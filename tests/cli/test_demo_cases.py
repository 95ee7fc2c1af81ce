from __future__ import annotations

import shutil

import local_runner
from cli.demo_cases import sample_folder
from data_schemas.task_file import load_task
from imaging.manifest import ManifestRow, read_manifest
from imaging.patients import assign_split, patient_key
from imaging.source import read_source
from imaging.synthetic import write_sample


def split_of(row: ManifestRow) -> str:
    header = read_source(row.file.read_bytes()).header
    key = patient_key(patient_id=header.patient_id, issuer=header.issuer, site=row.site, study_instance_uid="")
    return assign_split(key.key, task=load_task(local_runner.DEMO_TASK))


def test_the_samples_are_test_patients_of_every_label_in_turn(tmp_path):
    manifest = write_sample(tmp_path / "sample", studies=120)
    rows = {row.file.read_bytes(): row for row in read_manifest(manifest, load_task(local_runner.DEMO_TASK)).rows}
    folder = sample_folder(tmp_path, ("synthetic_chest",))
    shown = [rows[file.read_bytes()] for file in sorted(folder.iterdir())]
    assert {split_of(row) for row in shown} == {"test"}
    labels = [row.label for row in shown]
    assert labels[:3] == ["normal", "nodule", "cavity"]
    assert max(map(labels.count, labels)) <= 2
    shutil.rmtree(tmp_path / "sample" / "dicom")
    assert sample_folder(tmp_path, ("synthetic_chest",)) == folder, "they are made once"


def test_there_are_none_without_the_demos_model_or_its_sample(tmp_path):
    assert sample_folder(tmp_path, ("synthetic_chest",)) is None
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "manifest.csv").touch()
    assert sample_folder(tmp_path, ("chest_xray_pneumonia",)) is None
