"""The synthetic sample: reproducible, readable by the pipeline's own path, and balanced."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest

from data_schemas.errors import ConfigurationError
from data_schemas.task_file import load_task
from imaging.canonical import canonical_image
from imaging.manifest import read_manifest
from imaging.source import SourceHeader, read_source
from imaging.synthetic import LABELS, MANUFACTURERS, write_sample

STUDIES = 64


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic")
    write_sample(folder, studies=STUDIES, seed=11)
    return folder


@pytest.fixture(scope="module")
def headers(sample: Path) -> list[SourceHeader]:
    return [read_source((sample / row["file"]).read_bytes()).header for row in _table(sample / "manifest.csv")]


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as source:
        return list(csv.DictReader(source))


def _digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_sample(tmp_path / name, studies=8, seed=seed)
    first, again, other = (_digests(tmp_path / name) for name in "abc")
    assert first == again
    assert len(first) == 8 + 2
    assert all(first[file] != other[file] for file in first if file.endswith(".dcm"))


def test_a_larger_sample_starts_with_the_smaller_one(tmp_path: Path) -> None:
    write_sample(tmp_path / "small", studies=3, seed=5)
    write_sample(tmp_path / "large", studies=6, seed=5)
    small, large = _digests(tmp_path / "small"), _digests(tmp_path / "large")
    assert all(large[file] == digest for file, digest in small.items() if file.endswith(".dcm"))


def test_the_manifest_is_accepted_and_leaves_identity_to_the_dicom(sample: Path) -> None:
    manifest = read_manifest(sample / "manifest.csv", load_task("synthetic_chest"))
    assert len(manifest.rows) == STUDIES
    assert list(_table(sample / "manifest.csv")[0]) == ["file", "label", "site"]
    assert manifest.splits == ()


def test_labels_are_the_tasks_and_about_equally_frequent(sample: Path) -> None:
    counts = Counter(row["label"] for row in _table(sample / "manifest.csv"))
    assert tuple(load_task("synthetic_chest").labels.names) == LABELS
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= STUDIES / 4


def test_every_image_has_a_picture_of_a_chest(sample: Path) -> None:
    task = load_task("synthetic_chest")
    for row in _table(sample / "manifest.csv"):
        image = canonical_image(read_source((sample / row["file"]).read_bytes()), task) / 65535
        rows, columns = image.shape
        spine = np.median(image[rows // 3 : 2 * rows // 3, int(0.47 * columns) : int(0.53 * columns)])
        corners = np.median([image[:12, :12], image[:12, -12:]])
        assert spine > corners + 0.3, "bone is bright and air is dark, whatever the polarity and the rescale"


def test_patients_come_back_with_their_label_sex_and_site(sample: Path, headers: list[SourceHeader]) -> None:
    studies = defaultdict(list)
    for row, header in zip(_table(sample / "manifest.csv"), headers, strict=True):
        studies[header.patient_id].append((row["label"], row["site"], header.sex))
    assert Counter(map(len, studies.values())).keys() == {1, 2}
    assert all(len(set(visits)) == 1 for visits in studies.values())
    assert len({header.study_instance_uid for header in headers}) == STUDIES
    assert len({header.sop_instance_uid for header in headers}) == STUDIES


def test_headers_vary_as_those_of_several_hospitals_do(sample: Path, headers: list[SourceHeader]) -> None:
    assert {header.sex for header in headers} == {"F", "M"}
    assert {header.view for header in headers} == {"PA", "AP"}
    assert {header.modality for header in headers} == {"CR", "DX"}
    assert {header.manufacturer for header in headers} == set(MANUFACTURERS)
    assert {header.photometric for header in headers} == {"MONOCHROME1", "MONOCHROME2"}
    assert len({header.transfer_syntax for header in headers}) == 7
    assert all(18 <= (header.age_years or 0) <= 93 for header in headers)


def test_pixels_come_signed_and_unsigned_with_identity_and_other_rescales(sample: Path) -> None:
    datasets = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted((sample / "dicom").iterdir())]
    assert {dataset.PixelRepresentation for dataset in datasets} == {0, 1}
    assert {float(dataset.RescaleSlope) for dataset in datasets} == {0.5, 1.0, 2.0}
    assert {dataset.BitsStored for dataset in datasets} == {12, 16}


def test_whoever_is_named_in_a_header_is_invented(sample: Path) -> None:
    for path in (sample / "dicom").iterdir():
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        assert str(dataset.PatientName).startswith("SYNTHETIC^PATIENT")
        assert str(dataset.ReferringPhysicianName) == "SYNTHETIC^REFERRER"
        assert str(dataset.InstitutionName).startswith("SYNTHETIC HOSPITAL")


def test_lesions_are_listed_for_every_finding_and_for_nothing_else(sample: Path) -> None:
    labels = {row["file"]: row["label"] for row in _table(sample / "manifest.csv")}
    lesions = _table(sample / "lesions.csv")
    assert all(labels[lesion["file"]] == lesion["kind"] for lesion in lesions)
    assert {lesion["file"] for lesion in lesions} == {file for file, label in labels.items() if label != "normal"}


def test_lesions_span_three_to_fifteen_percent_of_the_width_inside_the_image(sample: Path) -> None:
    for lesion in _table(sample / "lesions.csv"):
        dataset = pydicom.dcmread(sample / lesion["file"], stop_before_pixels=True)
        assert 0.03 <= float(lesion["diameter"]) / dataset.Columns <= 0.15
        assert 0 < float(lesion["row"]) < dataset.Rows
        assert 0 < float(lesion["column"]) < dataset.Columns


def test_a_lesion_is_where_its_row_says(sample: Path) -> None:
    """A cavity's centre is darker than its wall, and a nodule's centre is brighter than what lies around it."""
    task = load_task("synthetic_chest")
    right = defaultdict(list)
    for lesion in _table(sample / "lesions.csv"):
        source = read_source((sample / lesion["file"]).read_bytes())
        image = canonical_image(source, task) / 65535
        scale = image.shape[0] / source.pixels.shape[0]
        row, column, radius = (scale * float(lesion[name]) for name in ("row", "column", "diameter"))
        rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
        distance = np.hypot(rows + 0.5 - scale / 2 - row, columns + 0.5 - scale / 2 - column) / (radius / 2)
        centre, wall = image[distance < 0.4].mean(), image[(distance > 0.6) & (distance < 0.85)].mean()
        outside = image[(distance > 1.2) & (distance < 1.5)].mean()
        right[lesion["kind"]].append(centre < wall if lesion["kind"] == "cavity" else centre > outside)
    # A window may saturate over the heart, and a rib or the diaphragm may lie beside a lesion.
    assert all(np.mean(hits) > 0.9 for hits in right.values())
    assert right.keys() == {"nodule", "cavity"}


def test_progress_ends_with_the_last_study(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_sample(tmp_path, studies=3, seed=1, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, 3)]


def test_a_sample_that_was_cut_short_has_no_manifest_and_can_be_written_again(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(tmp_path, studies=2, seed=1, progress=stop)
    assert not (tmp_path / "manifest.csv").exists()
    assert write_sample(tmp_path, studies=2, seed=1).is_file()


def test_a_folder_that_cannot_be_written_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        write_sample(tmp_path / "file" / "sample", studies=1)
