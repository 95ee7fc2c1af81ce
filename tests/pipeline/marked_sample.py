"""A sample whose every word names the patient, for a task with several findings, some unknown; a few lack consent."""

from __future__ import annotations

import csv
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

MARKER = "ZZMARKEDZZ"
WITHOUT_CONSENT = 6
_TEXT_VRS = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_ALSO_PLANTED = (
    "PatientName", "PatientID", "PatientAddress", "PatientComments", "InstitutionName", "InstitutionAddress",
    "ReferringPhysicianName", "OperatorsName", "AccessionNumber", "StudyDescription", "SeriesDescription",
    "StationName", "DeviceSerialNumber", "ImageComments", "RequestedProcedureDescription", "Manufacturer",
    "ManufacturerModelName", "IssuerOfPatientID", "OtherPatientIDs", "AdmittingDiagnosesDescription",
)  # fmt: skip


def _plant(dataset: Dataset, number: int) -> None:
    """Writes the marker into every text element, nested and private ones too."""
    for keyword in _ALSO_PLANTED:
        setattr(dataset, keyword, MARKER)
    dataset.PatientID = f"{MARKER}{number}"
    nested = Dataset()
    nested.PatientName, nested.RequestedProcedureID = MARKER, MARKER
    dataset.RequestAttributesSequence = [nested]
    dataset.private_block(0x0099, MARKER, create=True).add_new(0x01, "LO", MARKER)
    for element in dataset:
        if element.VR in _TEXT_VRS and MARKER not in str(element.value):
            element.value = MARKER
        assert element.VR not in _TEXT_VRS or MARKER in str(element.value)


def write_marked(sample: Path, folder: Path) -> Path:
    """Writes the marker into folder, files, headers and ids, and returns the manifest.

    Labels are one column a finding; every tenth nodule is unknown. The first six rows have no consent.

    Args:
        sample: the manifest of the sample.
        folder: where a folder is made.
    """
    folder = folder / f"{MARKER} folder"
    folder.mkdir()
    with sample.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        dataset = pydicom.dcmread(sample.parent / row["file"])
        _plant(dataset, number)
        label = row.pop("label")
        row |= {"file": f"{MARKER}-{number}.dcm", "patient_id": f"{MARKER}{number}", "study_id": f"{MARKER}{number}"}
        row |= {"consent": "" if number < WITHOUT_CONSENT else "yes"}
        row |= {"nodule": "-1" if number % 10 == 0 else str(int(label == "nodule"))}
        row |= {"cavity": str(int(label == "cavity"))}
        dataset.save_as(folder / row["file"])
    manifest = folder / f"{MARKER}.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return manifest
