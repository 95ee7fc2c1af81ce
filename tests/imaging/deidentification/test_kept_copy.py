from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
import pytest

from data_schemas.errors import Unsupported
from data_schemas.task_file import load_task
from imaging.deidentification.kept_copy import kept_copy, kept_header
from imaging.example import serving_examples
from imaging.pseudonyms import Pseudonyms
from imaging.source import open_source

PIXELS = np.linspace(0, 4095, 40 * 30).reshape(40, 30).astype(np.uint16)
TWELVE_BITS = {"BitsStored": 12, "HighBit": 11}
SECRET = Pseudonyms(bytes(range(32)))


def kept(data: bytes) -> bytes:
    return kept_copy(open_source(data), data, secret=SECRET)


def read(data: bytes) -> Any:
    return pydicom.dcmread(io.BytesIO(data))


def test_the_copy_names_nobody(dicom: Any) -> None:
    copy = kept(dicom(PIXELS, **TWELVE_BITS, PatientAge="045Y", InstitutionName="Hospital of Nowhere"))
    for secret in (b"ID-OF-PATIENT", b"Name^Of^Patient", b"Nowhere", b"1.2.3.4\0"):
        assert secret not in copy


def test_a_model_is_sent_the_same_of_the_copy_as_of_the_original(dicom: Any) -> None:
    task = load_task("synthetic_chest")
    header = {"PatientBirthDate": "19700601", "StudyDate": "20220701", "ViewPosition": "PA", "PatientSex": "F"}
    data = dicom(PIXELS, **TWELVE_BITS, **header, Manufacturer="acme", Modality="CR")
    copy = kept(data)
    assert read(copy).PatientAge == "052Y"
    original, again = (serving_examples(one, task=task)[0].serialized for one in (data, copy))
    # The age is of completed years in the copy, and a little more in the original.
    assert len(again) == len(original)
    assert serving_examples(kept(copy), task=task)[0].serialized == again


@pytest.mark.parametrize(("age", "told"), [("095Y", "090Y"), ("018M", "018M"), ("003W", "000M"), ("045Y", "045Y")])
def test_ages_above_89_are_one(dicom: Any, age: str, told: str) -> None:
    data = dicom(PIXELS, **TWELVE_BITS, PatientAge=age)
    assert read(kept(data)).PatientAge == told
    years = kept_header(open_source(data).header).age_years
    assert years == {"090Y": 90.0, "018M": 1.5, "000M": 0.0, "045Y": 45.0}[told]


def test_a_modality_that_dicom_does_not_define_and_a_manufacturer_that_names_the_patient_go(dicom: Any) -> None:
    copy = read(kept(dicom(PIXELS, **TWELVE_BITS, Modality="JANE", Manufacturer="Patient Imaging")))
    assert "Modality" not in copy
    assert "Manufacturer" not in copy


def test_an_object_without_its_uids_is_refused(dicom: Any) -> None:
    data = dicom(PIXELS, **TWELVE_BITS, SOPInstanceUID="")
    with pytest.raises(Unsupported, match="SOP Instance UID"):
        kept(data)
