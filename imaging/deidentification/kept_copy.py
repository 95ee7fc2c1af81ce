"""The copy of an image that a gateway keeps: it names nobody, and a model sees in it what it saw in the original."""

from __future__ import annotations

import dataclasses
import io

from pydicom.dataset import Dataset

from data_schemas.errors import Unsupported
from imaging.ages import age_in_years
from imaging.defined_terms import MODALITIES
from imaging.deidentification.dataset import deidentify_dataset
from imaging.deidentification.metadata import without_metadata
from imaging.deidentification.profile import profile
from imaging.deidentification.replacements import OLDEST_TOLD, Replacements
from imaging.dicom_file import text
from imaging.pseudonyms import Pseudonyms
from imaging.source import SourceFile, SourceHeader


def kept_header(header: SourceHeader) -> SourceHeader:
    """Returns a header as the kept copy has it: 90 for every age above 89, no modality that DICOM does not define.

    Identifiers are still the original's.
    """
    age = header.age_years
    return dataclasses.replace(
        header,
        modality=header.modality if header.modality in MODALITIES else "",
        age_years=None if age is None else age_in_years(_age_string(age)),
    )


def kept_copy(source: SourceFile, data: bytes, *, secret: Pseudonyms) -> bytes:
    """Returns a de-identified copy of a file; the dataset of `source` is changed on the way.

    DICOM files keep sex and age and their pixels as they are (profile `radflow`). An age that only dates tell is
    written as Patient's Age, since the dates are moved or removed. A manufacturer that repeats the patient's name, and
    a modality that DICOM does not define, are removed.

    Args:
        source: the opened file.
        data: its bytes.
        secret: the key of pseudonyms, UIDs and dates.

    Raises:
        Unsupported: the object has no SOP Class or Instance UID, or cannot be written.
        Corrupt: a PNG, JPEG or NIfTI file whose structure cannot be followed.
    """
    if source.dataset is None:
        return without_metadata(data)
    dataset, header = source.dataset, source.header
    if not text(dataset.file_meta, "TransferSyntaxUID"):
        raise Unsupported("its transfer syntax is not known, so that it cannot be written")
    if not (text(dataset, "SOPClassUID") and text(dataset, "SOPInstanceUID")):
        raise Unsupported("it has no SOP Class UID or SOP Instance UID, without which no DICOM file is complete")
    if header.age_years is not None:
        dataset.PatientAge = _age_string(header.age_years)
    if not header.manufacturer and "Manufacturer" in dataset:
        del dataset.Manufacturer
    if header.modality not in MODALITIES and "Modality" in dataset:
        del dataset.Modality
    deidentify_dataset(dataset, profile("radflow"), Replacements(secret))
    return _written(dataset)


def _age_string(years: float) -> str:
    """Returns an Age String (PS3.5, 6.2) of completed years, of months below two years."""
    if years > OLDEST_TOLD:
        return "090Y"
    return f"{int(years):03d}Y" if years >= 2 else f"{int(years * 12 + 1e-6):03d}M"


def _written(dataset: Dataset) -> bytes:
    target = io.BytesIO()
    try:
        dataset.save_as(target, enforce_file_format=True)
    except MemoryError:
        raise
    except Exception as error:  # pydicom raises any type where an element cannot be written
        raise Unsupported(f"its de-identified copy cannot be written ({type(error).__name__})") from error
    return target.getvalue()
