from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest

from data_schemas.task_file import load_task
from imaging.deidentification.files import Outcome, deidentify_file
from imaging.deidentification.profile import profile
from imaging.example import training_examples
from imaging.image_file import files_below
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms
from imaging.synthetic import write_sample
from tests.imaging.test_example import parsed

DATA = Path(__file__).parents[3] / ".." / "shared" / "data" / "dicom-zoo"
SECRET = Pseudonyms(bytes(32))
PIXELS = np.linspace(0, 4095, 200 * 300).reshape(200, 300).astype(np.uint16)


def _run(data: bytes, folder: Path, *options: Any, name: str = "a.dcm") -> Outcome:
    source = folder / name
    source.write_bytes(data)
    return deidentify_file(source, folder / "out", profile=profile("radflow", options), secret=SECRET)


def _written(outcome: Outcome) -> pydicom.Dataset:
    assert outcome.target is not None, outcome.reason
    return pydicom.dcmread(outcome.target)


def test_neither_the_file_nor_its_name_says_whose_it_is(dicom: Any, tmp_path: Path) -> None:
    outcome = _run(dicom(PIXELS, InstitutionName="St Mary"), tmp_path, name="Name_Of_Patient.dcm")
    dataset = _written(outcome)
    assert outcome.target is not None
    data = outcome.target.read_bytes()
    assert not any(word in data for word in (b"ID-OF-PATIENT", b"Name^Of", b"St Mary", b"1.2.3.4"))
    assert data[:128] == bytes(128)
    assert outcome.target.relative_to(tmp_path / "out") == Path(dataset.PatientID) / f"{dataset.SOPInstanceUID}.dcm"
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert (dataset.pixel_array == PIXELS).all()


def test_nothing_is_overwritten(dicom: Any, tmp_path: Path) -> None:
    assert _run(dicom(PIXELS), tmp_path).target
    again = _run(dicom(PIXELS), tmp_path)
    assert again.target is None and "there already" in again.reason


def test_what_is_no_image_or_cannot_be_read_is_left_out(dicom: Any, tmp_path: Path) -> None:
    assert "without pixel data" in _run(dicom(None), tmp_path).reason
    assert "neither DICOM" in _run(b"text", tmp_path).reason
    assert "SOP" in _run(dicom(PIXELS, SOPInstanceUID=""), tmp_path).reason
    missing = deidentify_file(tmp_path / "gone", tmp_path, profile=profile("basic"), secret=SECRET)
    assert "cannot be read" in missing.reason


@pytest.mark.parametrize("keyword", ["BurnedInAnnotation", "RecognizableVisualFeatures"])
def test_an_image_that_says_it_identifies_is_left_out(dicom: Any, tmp_path: Path, keyword: str) -> None:
    assert "is YES" in _run(dicom(PIXELS, **{keyword: "YES"}), tmp_path).reason


def _ultrasound(*, colour: bool = False) -> np.ndarray:
    image = np.zeros((400, 500), np.uint8)
    image[100:300, 100:400] = np.random.default_rng(1).integers(20, 90, (200, 300), np.uint8)
    cv2.putText(image, "DOE JOHN 1957", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 2)
    return np.stack([image] * 3, axis=2) if colour else image


@pytest.mark.parametrize("colour", [False, True])
def test_text_on_an_ultrasound_is_left_out_or_blacked_out(dicom: Any, tmp_path: Path, colour: bool) -> None:
    image = _ultrasound(colour=colour)
    data = dicom(image, Modality="US")
    assert "text was found" in _run(data, tmp_path).reason
    dataset = _written(_run(data, tmp_path, "clean-pixels"))
    assert dataset.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    cleaned = dataset.pixel_array
    assert not cleaned[:50].any()
    assert (cleaned[100:300, 100:400] == image[100:300, 100:400]).all()


def test_outside_the_ultrasound_regions_all_is_black(dicom: Any, tmp_path: Path) -> None:
    region = pydicom.Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 100, 100
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 399, 299
    image = _ultrasound()
    image[350, 7] = 200
    dataset = _written(
        _run(dicom(image, Modality="US", SequenceOfUltrasoundRegions=[region]), tmp_path, "clean-pixels")
    )
    expected = np.zeros_like(image)
    expected[100:300, 100:400] = image[100:300, 100:400]
    assert (dataset.pixel_array == expected).all()


def test_slices_and_splits_survive_deidentification(tmp_path: Path) -> None:
    """The sample's sex, age group and pixels are the same after; images of one patient stay together."""
    write_sample(tmp_path / "sample", studies=30, seed=3)
    task = load_task("synthetic_chest")
    found = []
    for source in sorted((tmp_path / "sample" / "dicom").glob("*.dcm")):
        outcome = deidentify_file(source, tmp_path / "out", profile=profile("radflow"), secret=SECRET)
        assert outcome.target is not None, outcome.reason
        found.append([_example(path, task) for path in (source, outcome.target)])
    for before, after in found:
        for name in ("sex", "age_group", "view", "manufacturer", "modality", "image"):
            assert before[name] == after[name] != ["unknown"], name
        assert before["patient"] != after["patient"]
    pairs = {(tuple(before["patient"]), tuple(after["patient"])) for before, after in found}
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}) < len(found)


def _example(path: Path, task: Any) -> dict[str, Any]:
    row = ManifestRow(row=1, file=path, label="normal")
    (one,) = training_examples(path.read_bytes(), row=row, task=task, pseudonyms=SECRET)
    return parsed(one.serialized)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, the public test data")
def test_every_file_of_the_zoo_is_written_or_left_out_with_a_reason(tmp_path: Path) -> None:
    outcomes = [
        deidentify_file(source, tmp_path, profile=profile("radflow", ["clean-descriptors"]), secret=SECRET)
        for source in files_below(DATA)
    ]
    assert all(outcome.reason or outcome.target for outcome in outcomes)
    written = [outcome for outcome in outcomes if outcome.target]
    assert len(written) >= 50
    for outcome in written:
        dataset = _written(outcome)
        assert dataset.PatientIdentityRemoved == "YES" and not any(element.tag.is_private for element in dataset)
