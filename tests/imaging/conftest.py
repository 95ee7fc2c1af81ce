"""DICOM files made on the spot, so that every expected pixel is known."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from data_schemas.task import Task
from data_schemas.task_file import load_task

DicomMaker = Callable[..., bytes]
_STAND_INS = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201")


def make_dicom(
    pixels: NDArray[Any] | None,
    *,
    syntax: str = ExplicitVRLittleEndian,
    frames: list[bytes] | None = None,
    **elements: Any,
) -> bytes:
    """Returns a DICOM file of (rows, columns[, 3]) pixels; `frames` are compressed ones, `elements` override."""
    meta = FileMetaDataset()
    written = _known_to_pydicom(syntax)
    meta.TransferSyntaxUID = UID(written)
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, is_little_endian=syntax != ExplicitVRBigEndian)
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    dataset.StudyInstanceUID, dataset.PatientID, dataset.PatientName = "1.2.3", "ID-OF-PATIENT", "Name^Of^Patient"
    dataset.Modality = "DX"
    if pixels is not None:
        _describe(dataset, pixels)
        big = syntax == ExplicitVRBigEndian
        dataset.PixelData = encapsulate(frames) if frames else _padded(pixels, big=big)
        dataset["PixelData"].VR = "OB" if frames or pixels.dtype.itemsize == 1 else "OW"
    for name, value in elements.items():
        setattr(dataset, name, value)
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue().replace(_even(written), _even(syntax), 1)


def _known_to_pydicom(syntax: str) -> str:
    """Returns the syntax, or for one that pydicom cannot write another encapsulated one of the same length."""
    if UID(syntax).is_private or syntax.startswith(("1.2.840.10008.1.2.4.11", "1.2.840.10008.1.2.8")):
        return next(other for other in _STAND_INS if len(_even(other)) == len(_even(syntax)))
    return syntax


def _even(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _describe(dataset: Dataset, pixels: NDArray[Any]) -> None:
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")


def _padded(pixels: NDArray[Any], *, big: bool) -> bytes:
    data = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    return data + b"\0" * (len(data) % 2)


@pytest.fixture(scope="session")
def dicom() -> DicomMaker:
    return make_dicom


@pytest.fixture(scope="session")
def chest_task() -> Task:
    return load_task("chest_xray_pneumonia")


@pytest.fixture(scope="session")
def findings_task() -> Task:
    return load_task("chest_xray_findings")


@pytest.fixture(scope="session")
def ct_task() -> Task:
    return load_task("ct_contrast")
