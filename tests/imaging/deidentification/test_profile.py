"""The table against rows of the standard, read by hand (PS3.15, table E.1-1)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.datadict import dictionary_keyword, tag_for_keyword

from imaging.deidentification.profile import CODES, OPTIONS, PROFILES, Profile, attribute_table, profile

# Attribute, Basic Profile, and what an option makes of it.
STANDARD = [
    ("PatientName", "empty", {}),
    ("PatientID", "dummy", {}),
    ("PatientBirthDate", "empty", {}),  # also with modified dates
    ("PatientSex", "empty", {"patient-characteristics": "keep"}),
    ("PatientAge", "remove", {"patient-characteristics": "keep"}),
    ("EthnicGroup", "remove", {"patient-characteristics": "keep"}),
    ("Allergies", "remove", {"patient-characteristics": "clean", "clean-descriptors": "clean"}),
    ("StudyDate", "empty", {"modified-dates": "shift"}),
    ("AcquisitionDateTime", "dummy", {"modified-dates": "shift"}),
    ("StudyInstanceUID", "uid", {}),
    ("FrameOfReferenceUID", "uid", {}),
    ("DeviceSerialNumber", "dummy", {"device-identity": "keep"}),
    ("StationName", "dummy", {"device-identity": "keep"}),
    ("DeviceUID", "uid", {"device-identity": "keep"}),
    ("InstitutionName", "dummy", {"institution-identity": "keep"}),
    ("InstitutionAddress", "remove", {"institution-identity": "keep"}),
    ("StudyDescription", "remove", {"clean-descriptors": "clean"}),
    ("SeriesDescription", "remove", {"clean-descriptors": "clean"}),
    ("ProtocolName", "dummy", {"clean-descriptors": "clean"}),
    ("PatientComments", "remove", {"clean-descriptors": "clean"}),
    ("AccessionNumber", "empty", {}),
    ("ReferringPhysicianName", "empty", {}),
    ("IssuerOfPatientID", "remove", {}),
    ("OtherPatientIDs", "remove", {}),
    ("ReferencedImageSequence", "keep", {}),
    ("IconImageSequence", "remove", {}),
]


@pytest.mark.parametrize(("keyword", "basic", "options"), STANDARD)
def test_an_attribute_is_treated_as_the_standard_says(keyword: str, basic: str, options: dict[str, str]) -> None:
    tag = tag_for_keyword(keyword)
    assert tag is not None and Profile().action(tag) == basic
    for option in OPTIONS:
        assert Profile(frozenset({option})).action(tag) == options.get(option, basic), option


def test_private_attributes_curves_and_overlays_are_removed() -> None:
    assert {Profile().action(tag) for tag in (0x00091001, 0x50003000, 0x60003000, 0x60024000)} == {"remove"}


def test_what_describes_the_image_stays() -> None:
    for keyword in (
        "Modality",
        "Manufacturer",
        "ViewPosition",
        "Rows",
        "PixelData",
        "RescaleSlope",
        "BodyPartExamined",
    ):
        assert Profile().action(tag_for_keyword(keyword) or 0) is None


def test_the_table_has_the_standards_attributes_by_their_keywords() -> None:
    table = attribute_table()
    assert len(table) == 618
    assert all(dictionary_keyword(tag) == row["keyword"] for tag, row in table.items())


def test_methods_are_recorded_by_their_codes() -> None:
    assert [code for code, _ in profile("radflow").codes] == ["113100", "113107", "113108"]
    everything = profile("basic", OPTIONS)
    assert [code for code, _ in everything.codes] == [
        "113100", "113101", "113105", "113107", "113108", "113109", "113112",
    ]  # fmt: skip


def test_the_documentation_names_every_code_and_option() -> None:
    text = (Path(__file__).parents[3] / "docs" / "deidentification.md").read_text(encoding="utf-8")
    for name, (code, meaning) in CODES.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {code} |")]
        assert meaning in row and (name == "basic" or f"`{name}`" in row)
        assert ("| yes |" in row) == (name == "basic" or name in PROFILES["radflow"])
